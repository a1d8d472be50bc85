// Floating-point arithmetic (PTX ISA, "Floating Point Instructions", "Half Precision Floating Point Instructions").
#include "runtime/emulator/exec/Elementwise.h"
#include "runtime/emulator/exec/Half.h"

#include <cmath>
#include <limits>

namespace attune::emulator {

namespace {

using u32 = std::uint32_t;

/// min and max return the number when one operand is NaN, and order -0 below +0.
template <class T> T minimum(T a, T b) { return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? a : b) : a < b ? a : b; }
template <class T> T maximum(T a, T b) { return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? b : a) : a > b ? a : b; }

float flush(float a) { return std::fabs(a) < std::numeric_limits<float>::min() ? std::copysign(0.0f, a) : a; }

/// 2^a by a polynomial on [-1/2, 1/2]: Taylor to degree 7, relative error below 2^-24, inside the bound of ex2.approx (2^-22.5).
float exp2Approx(float a) {
  const float clamped = a > 200.0f ? 200.0f : a < -200.0f ? -200.0f : a;
  const float whole = std::nearbyint(clamped);
  const float f = clamped - whole;
  float p = 1.525273380405984e-5f;
  p = p * f + 1.540353039338161e-4f;
  p = p * f + 1.333355814642844e-3f;
  p = p * f + 9.618129107628477e-3f;
  p = p * f + 5.550410866482158e-2f;
  p = p * f + 2.402265069591007e-1f;
  p = p * f + 6.931471805599453e-1f;
  p = p * f + 1.0f;
  const int n = static_cast<int>(whole);
  const int half = n / 2; // two factors: 2^n alone may not be a normal number
  const float scale_a = std::bit_cast<float>(static_cast<u32>(half + 127) << 23), scale_b = std::bit_cast<float>(static_cast<u32>(n - half + 127) << 23);
  const float value = p * scale_a * scale_b;
  return a != a ? a : value;
}

template <class T> Handler floatHandler(const Instruction& i) {
  const std::string& o = i.opcode;
  if (o == "add") return lanewise<T(T, T)>([](T a, T b) { return a + b; });
  if (o == "sub") return lanewise<T(T, T)>([](T a, T b) { return a - b; });
  if (o == "mul") return lanewise<T(T, T)>([](T a, T b) { return a * b; });
  if (o == "div") return lanewise<T(T, T)>([](T a, T b) { return a / b; });
  if (o == "fma" || o == "mad") return lanewise<T(T, T, T)>([](T a, T b, T c) { return std::fma(a, b, c); });
  if (o == "neg") return lanewise<T(T)>([](T a) { return -a; });
  if (o == "abs") return lanewise<T(T)>([](T a) { return std::fabs(a); });
  if (o == "sqrt") return lanewise<T(T)>([](T a) { return std::sqrt(a); });
  if (o == "rsqrt") return lanewise<T(T)>([](T a) { return T(1) / std::sqrt(a); });
  if (o == "rcp") return lanewise<T(T)>([](T a) { return T(1) / a; });
  const bool nan = i.has("NaN");
  if (o == "min") return nan ? lanewise<T(T, T)>([](T a, T b) { return a != a || b != b ? std::numeric_limits<T>::quiet_NaN() : minimum(a, b); })
                             : lanewise<T(T, T)>([](T a, T b) { return minimum(a, b); });
  if (o == "max") return nan ? lanewise<T(T, T)>([](T a, T b) { return a != a || b != b ? std::numeric_limits<T>::quiet_NaN() : maximum(a, b); })
                             : lanewise<T(T, T)>([](T a, T b) { return maximum(a, b); });
  if (o == "copysign") return lanewise<T(T, T)>([](T a, T b) { return std::copysign(b, a); });
  return nullptr;
}

Handler flushing(const std::string& o) {
  if (o == "add") return lanewise<float(float, float)>([](float a, float b) { return flush(flush(a) + flush(b)); });
  if (o == "sub") return lanewise<float(float, float)>([](float a, float b) { return flush(flush(a) - flush(b)); });
  if (o == "mul") return lanewise<float(float, float)>([](float a, float b) { return flush(flush(a) * flush(b)); });
  if (o == "fma") return lanewise<float(float, float, float)>([](float a, float b, float c) { return flush(std::fma(flush(a), flush(b), flush(c))); });
  if (o == "ex2") return lanewise<float(float)>([](float a) { return flush(exp2Approx(flush(a))); });
  if (o == "lg2") return lanewise<float(float)>([](float a) { return std::log2(flush(a)); });
  if (o == "rcp") return lanewise<float(float)>([](float a) { return flush(1.0f / flush(a)); });
  if (o == "div") return lanewise<float(float, float)>([](float a, float b) { return flush(flush(a) / flush(b)); });
  return nullptr;
}

Handler special(const std::string& o) {
  if (o == "ex2") return lanewise<float(float)>([](float a) { return exp2Approx(a); });
  if (o == "lg2") return lanewise<float(float)>([](float a) { return std::log2(a); });
  if (o == "sin") return lanewise<float(float)>([](float a) { return std::sin(a); });
  if (o == "cos") return lanewise<float(float)>([](float a) { return std::cos(a); });
  if (o == "tanh") return lanewise<float(float)>([](float a) { return std::tanh(a); });
  return nullptr;
}

/// 16-bit and packed 16-bit arithmetic: each half by way of fp32, which is exact for one operation of these formats.
template <bool Brain> float widen(u32 bits) { return Brain ? fromBf16(bits & 0xffff) : fromF16(bits & 0xffff); }
template <bool Brain> u32 narrow(float value) { return Brain ? toBf16(value) : toF16(value); }

template <bool Brain, bool Packed, class F> Handler half2(F) {
  return lanewise<u32(u32, u32)>([](u32 a, u32 b) {
    const u32 low = narrow<Brain>(F{}(widen<Brain>(a), widen<Brain>(b)));
    return Packed ? low | narrow<Brain>(F{}(widen<Brain>(a >> 16), widen<Brain>(b >> 16))) << 16 : low;
  });
}
template <bool Brain, bool Packed, class F> Handler half3(F) {
  return lanewise<u32(u32, u32, u32)>([](u32 a, u32 b, u32 c) {
    const auto one = [](u32 x, u32 y, u32 z) {
      return narrow<Brain>(static_cast<float>(F{}(widen<Brain>(x), widen<Brain>(y), widen<Brain>(z))));
    };
    return Packed ? one(a, b, c) | one(a >> 16, b >> 16, c >> 16) << 16 : one(a, b, c);
  });
}
template <bool Brain, bool Packed> Handler halfHandler(const Instruction& i) {
  const std::string& o = i.opcode;
  if (i.has("NaN") || i.has("sat") || i.has("relu")) return nullptr;
  if (o == "add") return half2<Brain, Packed>([](float a, float b) { return a + b; });
  if (o == "sub") return half2<Brain, Packed>([](float a, float b) { return a - b; });
  if (o == "mul") return half2<Brain, Packed>([](float a, float b) { return a * b; });
  if (o == "min") return half2<Brain, Packed>([](float a, float b) { return minimum(a, b); });
  if (o == "max") return half2<Brain, Packed>([](float a, float b) { return maximum(a, b); });
  // the product of two such numbers is exact in fp64, and rounding the sum twice only meets ties it cannot hit
  if (o == "fma") return half3<Brain, Packed>([](float a, float b, float c) { return static_cast<double>(a) * b + c; });
  if (o == "neg") return Packed ? lanewise<u32(u32)>([](u32 a) { return a ^ 0x80008000u; }) : lanewise<u32(u32)>([](u32 a) { return (a ^ 0x8000u) & 0xffff; });
  if (o == "abs") return Packed ? lanewise<u32(u32)>([](u32 a) { return a & 0x7fff7fffu; }) : lanewise<u32(u32)>([](u32 a) { return a & 0x7fffu; });
  return nullptr;
}

} // namespace

bool selectFloat(const Instruction& i, Decoder& d, Op& op) {
  const Type type = i.type();
  Handler run = nullptr;
  switch (type) {
  case Type::F32:
    if (i.has("sat")) return false;
    if (i.has("ftz")) run = flushing(i.opcode);
    if (!run) run = special(i.opcode);
    if (!run) run = floatHandler<float>(i);
    break;
  case Type::F64: run = floatHandler<double>(i); break;
  case Type::F16: run = halfHandler<false, false>(i); break;
  case Type::F16x2: run = halfHandler<false, true>(i); break;
  case Type::BF16: run = halfHandler<true, false>(i); break;
  case Type::BF16x2: run = halfHandler<true, true>(i); break;
  default: return false;
  }
  if (!run)
    return false;
  const std::string& o = i.opcode;
  op.kind = o == "fma" || o == "mad" ? Class::Fma : o == "ex2" || o == "lg2" || o == "rcp" || o == "rsqrt" || o == "sin" || o == "cos" || o == "tanh" || o == "sqrt" ? Class::Sfu : Class::Alu;
  d.values(i, op, type);
  op.run = run;
  return true;
}

} // namespace attune::emulator
