#include "runtime/emulator/exec/EightBits.h"
#include "runtime/emulator/exec/Lanes.h"

#include <algorithm>
#include <cfenv>
#include <utility>

namespace attune::emulator::exec {

namespace {

enum class Rounding : std::uint8_t { Nearest, Zero, Down, Up };

/// What cvt has in `detail`.
struct Detail {
  std::uint16_t rounding : 2, flush : 1, saturate : 1, relu : 1, integral : 1, from_wide : 1, to_wide : 1, spare : 8;
};

double roundedTo(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::Nearest:
    return std::nearbyint(value);
  case Rounding::Zero:
    return std::trunc(value);
  case Rounding::Down:
    return std::floor(value);
  case Rounding::Up:
    return std::ceil(value);
  }
  return value;
}

/// Narrows to a format with `mantissa` stored bits and smallest normal exponent `lowest` (unbiased). `value` is exact.
/// Directed and nearest-even rounding by integer arithmetic on the f64.
double narrowed(double value, int mantissa, int lowest, double largest, Rounding rounding) {
  if (value == 0 || !std::isfinite(value))
    return value;
  int exponent = 0;
  std::frexp(value, &exponent);
  const int unit = std::max(exponent - 1, lowest) - mantissa;
  const double result = std::ldexp(roundedTo(std::ldexp(value, -unit), rounding), unit);
  if (std::abs(result) <= largest)
    return result;
  const bool stays = rounding == Rounding::Zero || (rounding == Rounding::Down && value > 0) ||
                     (rounding == Rounding::Up && value < 0);
  return std::copysign(stays ? largest : std::numeric_limits<double>::infinity(), value);
}

template <class To>
To fromDouble(double value, Rounding rounding) {
  if constexpr (std::is_same_v<To, double>)
    return value;
  else if constexpr (std::is_same_v<To, float>)
    return canonical(static_cast<float>(rounding == Rounding::Nearest
                                            ? value
                                            : narrowed(value, 23, -126, std::numeric_limits<float>::max(), rounding)));
  else if constexpr (std::is_same_v<To, Half>)
    return toHalf(static_cast<float>(narrowed(value, 10, -14, 65504.0, rounding)));
  else
    return toBfloat(static_cast<float>(narrowed(value, 7, -126, 0x1.fep127, rounding)));
}

template <class From>
double toDouble(From value) {
  if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, Bfloat>)
    return static_cast<double>(toFloat(value));
  else
    return static_cast<double>(value);
}

/// float -> integer clamps. NaN becomes 0, or the highest bit alone where f64 or an integer of 64 bits takes part.
template <class To, class From>
To clampedInteger(double value) {
  constexpr bool wide = sizeof(From) == 8 || sizeof(To) == 8;
  if (value != value)
    return wide ? static_cast<To>(std::uint64_t{1} << (8 * sizeof(To) - 1)) : To{0};
  if (value >= std::ldexp(1.0, static_cast<int>(sizeof(To) * 8) - (std::is_signed_v<To> ? 1 : 0)))
    return std::numeric_limits<To>::max();
  if (value <= static_cast<double>(std::numeric_limits<To>::min()))
    return std::numeric_limits<To>::min();
  return static_cast<To>(value);
}

template <class To, class From>
To convertOne(From value, Detail detail) {
  const auto rounding = static_cast<Rounding>(detail.rounding);
  if constexpr (std::is_integral_v<To> && std::is_integral_v<From>) {
    if (!detail.saturate)
      return static_cast<To>(value);
    if (std::in_range<To>(value))
      return static_cast<To>(value);
    return value < From{0} ? std::numeric_limits<To>::min() : std::numeric_limits<To>::max();
  } else if constexpr (std::is_integral_v<To>) {
    return clampedInteger<To, From>(roundedTo(toDouble(value), rounding));
  } else if constexpr (std::is_integral_v<From> && sizeof(From) == 8) {
    // f64 may not hold it: let the host round, or go there in one step
    if constexpr (std::is_same_v<To, float> || std::is_same_v<To, double>) {
      static constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
      const int before = std::fegetround();
      std::fesetround(modes[detail.rounding]);
      const volatile From kept = value;
      const volatile To result = static_cast<To>(kept);
      std::fesetround(before);
      return result;
    } else {
      return fromDouble<To>(static_cast<double>(value), rounding);
    }
  } else {
    double wide = toDouble(value);
    if constexpr (!std::is_integral_v<From>)
      if (detail.integral)
        wide = std::copysign(roundedTo(wide, rounding), wide);
    if (detail.saturate)
      wide = wide > 0 ? std::min(wide, 1.0) : 0.0;
    if (detail.relu)
      wide = wide > 0 || wide != wide ? wide : 0.0;
    return fromDouble<To>(wide, rounding);
  }
}

template <class T>
T flushed(T value) {
  if constexpr (std::is_same_v<T, float>)
    return flush(value);
  else
    return value;
}

/// Source and destination registers may be wider than the types.
template <class To, class From>
void convert(Warp& warp, const Instr& instr) {
  const auto detail = std::bit_cast<Detail>(instr.detail);
  From from[lanes];
  if (detail.from_wide && sizeof(From) != 8) {
    const auto* a = warp.read<std::uint64_t>(instr.op[1]);
    for (unsigned i = 0; i < lanes; ++i)
      from[i] = unpack<From>(static_cast<Storage<From>>(a[i]));
  } else {
    const auto* a = warp.read<Storage<From>>(instr.op[1]);
    for (unsigned i = 0; i < lanes; ++i)
      from[i] = unpack<From>(a[i]);
  }
  const auto value = [&](unsigned i) -> To {
    const To result = convertOne<To>(detail.flush ? flushed(from[i]) : from[i], detail);
    return detail.flush ? flushed(result) : result;
  };
  if constexpr (std::is_integral_v<To>) { // extends into a wider register
    if (detail.to_wide)
      return forLanes<std::uint64_t>(warp, instr.op[0],
                                     [&](unsigned i) { return static_cast<std::uint64_t>(value(i)); });
    if constexpr (sizeof(To) < 4)
      return forLanes<std::uint32_t>(warp, instr.op[0],
                                     [&](unsigned i) { return static_cast<std::uint32_t>(value(i)); });
  }
  forLanes<To>(warp, instr.op[0], value);
}

// The conversions of inner loops, vectorised.

template <class Element, bool Relu>
void packPair(Warp& warp, const Instr& instr) {
  const auto* high = warp.read<std::uint32_t>(instr.op[1]);
  const auto* low = warp.read<std::uint32_t>(instr.op[2]);
  const auto narrow = [](std::uint32_t bits) -> std::uint32_t {
    float value = std::bit_cast<float>(bits);
    if constexpr (Relu)
      value = value < 0 ? 0.0f : value;
    return fromFloat<Element>(value).bits;
  };
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned i) { return narrow(low[i]) | narrow(high[i]) << 16; });
}

template <class Element>
void packPairTowardsZero(Warp& warp, const Instr& instr) {
  const auto* high = warp.read<std::uint32_t>(instr.op[1]);
  const auto* low = warp.read<std::uint32_t>(instr.op[2]);
  const auto narrow = [](std::uint32_t bits) -> std::uint32_t {
    return fromDouble<Element>(static_cast<double>(std::bit_cast<float>(bits)), Rounding::Zero).bits;
  };
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned i) { return narrow(low[i]) | narrow(high[i]) << 16; });
}

struct Truncate32 {
  std::uint32_t operator()(std::uint64_t a) const { return static_cast<std::uint32_t>(a); }
};
struct SignExtend {
  std::int64_t operator()(std::int32_t a) const { return a; }
};
struct ZeroExtend {
  std::uint64_t operator()(std::uint32_t a) const { return a; }
};
struct FromSigned {
  float operator()(std::int32_t a) const { return static_cast<float>(a); }
};
struct Widen {
  template <class T>
  float operator()(T a) const {
    return toFloat(a);
  }
};
struct Narrow16 {
  Half operator()(float a) const { return toHalf(a); }
};
struct NarrowBfloat {
  Bfloat operator()(float a) const { return toBfloat(a); }
};

template <class F>
Handler withFloats(Type type, F make) {
  if (type.kind == 'h')
    return make(Tag<Bfloat>{});
  if (type.kind == 'f')
    return type.bits == 16 ? make(Tag<Half>{}) : type.bits == 32 ? make(Tag<float>{}) : make(Tag<double>{});
  return forInteger(type, make);
}

Handler fastConversion(Type to, Type from) {
  const auto is = [](Type type, char kind, unsigned bits) { return type.kind == kind && type.bits == bits; };
  const bool to_integer = to.kind == 'u' || to.kind == 's' || to.kind == 'b';
  if (to_integer && to.bits == 32 && from.bits == 64 && from.kind != 'f')
    return &unary<std::uint64_t, Truncate32, std::uint32_t>;
  if (to_integer && to.bits == 64 && is(from, 's', 32))
    return &unary<std::int32_t, SignExtend, std::int64_t>;
  if (to_integer && to.bits == 64 && is(from, 'u', 32))
    return &unary<std::uint32_t, ZeroExtend, std::uint64_t>;
  if (is(to, 'f', 32) && is(from, 's', 32))
    return &unary<std::int32_t, FromSigned, float>;
  if (is(to, 'f', 32) && is(from, 'f', 16))
    return &unary<Half, Widen, float>;
  if (is(to, 'f', 32) && is(from, 'h', 16))
    return &unary<Bfloat, Widen, float>;
  if (is(to, 'f', 16) && is(from, 'f', 32))
    return &unary<float, Narrow16, Half>;
  if (is(to, 'h', 16) && is(from, 'f', 32))
    return &unary<float, NarrowBfloat, Bfloat>;
  return nullptr;
}

void decodePack(Decode& decode, Type to, Detail detail) {
  decode.takeType();
  decode.expectOperands(3, 3);
  decode.destination(decode.operand(0), {'b', 32});
  decode.sources(1, 2, {'f', 32});
  const bool half = to.kind == 'F', zero = detail.rounding == 1;
  if (zero && detail.relu)
    decode.unsupported(".relu");
  if (zero)
    decode.handler(half ? &packPairTowardsZero<Half> : &packPairTowardsZero<Bfloat>, Class::Convert);
  else if (detail.relu)
    decode.handler(half ? &packPair<Half, true> : &packPair<Bfloat, true>, Class::Convert);
  else
    decode.handler(half ? &packPair<Half, false> : &packPair<Bfloat, false>, Class::Convert);
}

void decodeConvert(Decode& decode) {
  if (decode.peek("e4m3x2") || decode.peek("e5m2x2"))
    return decodeEightBits(decode);
  Detail detail{};
  static constexpr const char *modes[] = {"rn", "rz", "rm", "rp"}, *integral[] = {"rni", "rzi", "rmi", "rpi"};
  for (unsigned i = 0; i < 4; ++i) {
    if (decode.take(modes[i]))
      detail.rounding = i & 3;
    if (decode.take(integral[i]))
      detail.rounding = i & 3, detail.integral = 1;
  }
  detail.flush = decode.take("ftz");
  detail.saturate = decode.take("sat");
  detail.relu = decode.take("relu");
  const Type to = decode.takeType();
  if (to.kind == 'F' || to.kind == 'H')
    return decodePack(decode, to, detail);
  const Type from = decode.takeType();
  decode.expectOperands(2, 2);
  decode.anyDestination(decode.operand(0), to);
  decode.anySource(decode.operand(1), from);
  detail.to_wide = decode.widthOf(decode.operand(0)) == 64;
  detail.from_wide = decode.widthOf(decode.operand(1)) == 64;
  Detail plain_detail{};
  plain_detail.from_wide = detail.from_wide, plain_detail.to_wide = detail.to_wide;
  const bool is_plain = std::bit_cast<std::uint16_t>(detail) == std::bit_cast<std::uint16_t>(plain_detail) &&
                        detail.from_wide == (from.bits == 64) && detail.to_wide == (to.bits == 64);
  Handler run = is_plain ? fastConversion(to, from) : nullptr;
  if (run == nullptr)
    run = withFloats(to, [&]<class To>(Tag<To>) -> Handler {
      return withFloats(from, []<class From>(Tag<From>) -> Handler { return &convert<To, From>; });
    });
  if (run == nullptr ||
      (detail.from_wide && from.kind != 'f' && from.bits == 64 && decode.widthOf(decode.operand(1)) != 64))
    decode.unsupported("these types");
  decode.instr.detail = std::bit_cast<std::uint16_t>(detail);
  decode.handler(run, Class::Convert);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addConvertRules(Rules& rules) { rules["cvt"] = &exec::decodeConvert; }

} // namespace attune::emulator
