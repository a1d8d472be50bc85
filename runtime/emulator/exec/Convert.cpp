// cvt and cvta (PTX ISA, "Data Movement and Conversion").
#include "runtime/emulator/exec/Elementwise.h"
#include "runtime/emulator/exec/Half.h"

#include <cmath>
#include <limits>

namespace attune::emulator {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

/// Float to integer saturates; NaN is 0.
template <class To, class From> To saturate(From value) {
  if (value != value)
    return 0;
  if (value <= static_cast<From>(std::numeric_limits<To>::min()))
    return std::numeric_limits<To>::min();
  if (value >= static_cast<From>(std::numeric_limits<To>::max()))
    return std::numeric_limits<To>::max();
  return static_cast<To>(value);
}

template <class F> Handler floatToFloat(const Instruction& i) {
  if (i.has("rni")) return lanewise<F(F)>([](F a) { return std::nearbyint(a); });
  if (i.has("rzi")) return lanewise<F(F)>([](F a) { return std::trunc(a); });
  if (i.has("rmi")) return lanewise<F(F)>([](F a) { return std::floor(a); });
  if (i.has("rpi")) return lanewise<F(F)>([](F a) { return std::ceil(a); });
  if (i.has("sat")) return lanewise<F(F)>([](F a) { return a != a ? F(0) : a < F(0) ? F(0) : a > F(1) ? F(1) : a; });
  return lanewise<F(F)>([](F a) { return a; });
}

template <class F, class T> Handler floatToInteger(const Instruction& i) {
  if (i.has("rni")) return lanewise<T(F)>([](F a) { return saturate<T>(std::nearbyint(a)); });
  if (i.has("rmi")) return lanewise<T(F)>([](F a) { return saturate<T>(std::floor(a)); });
  if (i.has("rpi")) return lanewise<T(F)>([](F a) { return saturate<T>(std::ceil(a)); });
  return lanewise<T(F)>([](F a) { return saturate<T>(std::trunc(a)); });
}

Handler conversion(const Instruction& i, Type to, Type from) {
  Handler run = nullptr;
  if (from == Type::F32 && to == Type::F32) return floatToFloat<float>(i);
  if (from == Type::F64 && to == Type::F64) return floatToFloat<double>(i);
  if (from == Type::F32 && to == Type::F64) return lanewise<double(float)>([](float a) { return static_cast<double>(a); });
  if (from == Type::F64 && to == Type::F32) return lanewise<float(double)>([](double a) { return static_cast<float>(a); });
  if (from == Type::F32 && to == Type::F16 && i.has("rn")) return lanewise<u32(float)>([](float a) { return toF16(a); });
  if (from == Type::F32 && to == Type::BF16 && i.has("rn")) return lanewise<u32(float)>([](float a) { return toBf16(a); });
  if (from == Type::F16 && to == Type::F32) return lanewise<float(u32)>([](u32 a) { return fromF16(a & 0xffff); });
  if (from == Type::BF16 && to == Type::F32) return lanewise<float(u32)>([](u32 a) { return fromBf16(a & 0xffff); });
  if (from == Type::F32) {
    withInteger(to, [&](auto t) { run = floatToInteger<float, decltype(t)>(i); });
  } else if (from == Type::F64) {
    withInteger(to, [&](auto t) { run = floatToInteger<double, decltype(t)>(i); });
  } else if (to == Type::F32) {
    withInteger(from, [&](auto t) { run = lanewise<float(decltype(t))>([](decltype(t) a) { return static_cast<float>(a); }); });
  } else if (to == Type::F64) {
    withInteger(from, [&](auto t) { run = lanewise<double(decltype(t))>([](decltype(t) a) { return static_cast<double>(a); }); });
  } else {
    withInteger(from, [&](auto f) {
      withInteger(to, [&](auto t) {
        using From = decltype(f);
        using To = decltype(t);
        // sign extension is to the register, which is 32 or 64 bits wide
        run = lanewise<To(From)>([](From a) { return static_cast<To>(a); });
      });
    });
    if (i.has("sat"))
      run = nullptr;
  }
  return run;
}

} // namespace

bool selectConvert(const Instruction& i, Decoder& d, Op& op) {
  if (i.opcode == "cvta") {
    const std::uint64_t window = i.has("shared") ? shared_window : i.has("local") ? local_window : 0;
    op.r = {d.value(i.operands.at(0), Type::U64), d.value(i.operands.at(1), Type::U64), d.constant(i.has("to") ? 0 - window : window, true)};
    op.run = lanewise<u64(u64, u64)>([](u64 a, u64 b) { return a + b; });
    return true;
  }
  if (i.opcode != "cvt")
    return false;
  const Type to = i.type(0), from = i.type(1);
  if ((to == Type::BF16x2 || to == Type::F16x2) && from == Type::F32 && i.has("rn") && i.operands.size() == 3 && !i.has("relu")) {
    op.r = {d.value(i.operands[0], Type::B32), d.value(i.operands[1], from), d.value(i.operands[2], from)};
    op.run = to == Type::BF16x2 ? lanewise<u32(float, float)>([](float high, float low) { return toBf16(high) << 16 | toBf16(low); })
                                : lanewise<u32(float, float)>([](float high, float low) { return toF16(high) << 16 | toF16(low); });
    return true;
  }
  op.run = conversion(i, to, from);
  if (!op.run)
    return false;
  op.r = {d.value(i.operands.at(0), to), d.value(i.operands.at(1), from)};
  return true;
}

} // namespace attune::emulator
