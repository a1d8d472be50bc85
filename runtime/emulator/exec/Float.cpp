#include "runtime/emulator/exec/Arithmetic.h"
#include "runtime/emulator/exec/Lanes.h"
#include "runtime/emulator/exec/Special.h"

#include <cfenv>

namespace attune::emulator::exec {

namespace {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
template <class T>
constexpr Bits<T> sign_bit = Bits<T>{1} << (8 * sizeof(T) - 1);

struct FloatAdd {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct FloatSubtract {
  template <class T>
  T operator()(T a, T b) const {
    return a - b;
  }
};
struct FloatMultiply {
  template <class T>
  T operator()(T a, T b) const {
    return a * b;
  }
};
struct FloatDivide {
  template <class T>
  T operator()(T a, T b) const {
    return a / b;
  }
};
/// div.approx.f32: a times the reciprocal of b, which beyond 2^126 is flushed to zero.
struct ApproximateDivide {
  float operator()(float a, float b) const {
    return __builtin_fabsf(b) > 0x1p126f ? a * __builtin_copysignf(0.0f, b) : a / b;
  }
};
struct FloatFma {
  float operator()(float a, float b, float c) const { return __builtin_fmaf(a, b, c); }
  double operator()(double a, double b, double c) const { return __builtin_fma(a, b, c); }
};
struct Reciprocal {
  template <class T>
  T operator()(T a) const {
    return T{1} / a;
  }
};
struct SquareRoot {
  float operator()(float a) const { return __builtin_sqrtf(a); }
  double operator()(double a) const { return __builtin_sqrt(a); }
};

/// Flushes subnormals, clamps, and makes NaN the one that PTX names.
template <class Op, bool Ftz, bool Saturate = false>
struct Finished {
  template <class T, class... Rest>
  T operator()(T a, Rest... rest) const {
    T result = flushIf<Ftz>(Op{}(flushIf<Ftz>(a), flushIf<Ftz>(rest)...));
    if constexpr (Saturate)
      return result > T{0} ? (result < T{1} ? result : T{1}) : T{0};
    return canonical(result);
  }
};

/// min and max: NaN loses, or with .NaN wins; -0 < +0. With .xorsign.abs magnitudes are compared.
template <bool Max, bool Ftz, bool PropagateNan, bool XorSign>
struct Extremum {
  template <class T>
  T operator()(T a, T b) const {
    a = flushIf<Ftz>(a), b = flushIf<Ftz>(b);
    const Bits<T> sign = (std::bit_cast<Bits<T>>(a) ^ std::bit_cast<Bits<T>>(b)) & sign_bit<T>;
    if constexpr (XorSign) {
      a = std::bit_cast<T>(std::bit_cast<Bits<T>>(a) & ~sign_bit<T>);
      b = std::bit_cast<T>(std::bit_cast<Bits<T>>(b) & ~sign_bit<T>);
    }
    const Bits<T> x = std::bit_cast<Bits<T>>(a), y = std::bit_cast<Bits<T>>(b);
    const T equal = std::bit_cast<T>(Max ? x & y : x | y); // of two zeros
    T result = Max ? (a > b ? a : b) : (a < b ? a : b);
    result = a == b ? equal : result;
    if constexpr (PropagateNan) {
      result = (a != a) || (b != b) ? std::numeric_limits<T>::quiet_NaN() : result;
    } else {
      result = a != a ? b : result;
      result = b != b ? a : result;
    }
    if constexpr (XorSign)
      result = std::bit_cast<T>(std::bit_cast<Bits<T>>(result) | sign);
    return canonical(result);
  }
};

struct Negate {
  template <class T>
  T operator()(T a) const {
    return std::bit_cast<T>(std::bit_cast<Bits<T>>(a) ^ sign_bit<T>);
  }
};
struct Absolute {
  template <class T>
  T operator()(T a) const {
    return std::bit_cast<T>(std::bit_cast<Bits<T>>(a) & ~sign_bit<T>);
  }
};
struct CopySign { ///< sign of a, magnitude of b
  template <class T>
  T operator()(T a, T b) const {
    return std::bit_cast<T>((std::bit_cast<Bits<T>>(a) & sign_bit<T>) | (std::bit_cast<Bits<T>>(b) & ~sign_bit<T>));
  }
};

/// Directed rounding: the host's rounding mode, one lane after the other. Rare, so not fast.
template <class T, class Op, unsigned Number, bool Ftz>
[[gnu::noinline]] void directed(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<Bits<T>>(instr.op[1]);
  const auto* b = warp.read<Bits<T>>(instr.op[Number > 1 ? 2 : 1]);
  const auto* c = warp.read<Bits<T>>(instr.op[Number > 2 ? 3 : 1]);
  volatile T results[lanes];
  const int before = std::fegetround();
  std::fesetround(instr.detail);
  for (unsigned i = 0; i < lanes; ++i) {
    volatile T x = flushIf<Ftz>(std::bit_cast<T>(a[i])), y = flushIf<Ftz>(std::bit_cast<T>(b[i])),
               z = flushIf<Ftz>(std::bit_cast<T>(c[i]));
    if constexpr (Number == 1)
      results[i] = Op{}(T{x});
    else if constexpr (Number == 2)
      results[i] = Op{}(T{x}, T{y});
    else
      results[i] = Op{}(T{x}, T{y}, T{z});
  }
  std::fesetround(before);
  forLanes<T>(warp, instr.op[0], [&](unsigned i) -> T { return canonical(flushIf<Ftz>(T{results[i]})); });
}

template <class T, class Op, unsigned Number, bool Ftz, bool Saturate>
Handler nearest() {
  if constexpr (Number == 1)
    return &unary<T, Finished<Op, Ftz, Saturate>>;
  else if constexpr (Number == 2)
    return &binary<T, Finished<Op, Ftz, Saturate>>;
  else
    return &ternary<T, Finished<Op, Ftz, Saturate>>;
}

/// An operation that PTX rounds: .rn, .rz, .rm, .rp, .ftz, .sat.
template <class Op, unsigned Number>
void rounded(Decode& decode, Type type, Class category) {
  const bool ftz = decode.take("ftz"), saturate = decode.take("sat");
  int mode = FE_TONEAREST;
  bool open = type.bits == 32 && !ftz && !saturate;
  if (decode.take("rz"))
    mode = FE_TOWARDZERO;
  else if (decode.take("rm"))
    mode = FE_DOWNWARD;
  else if (decode.take("rp"))
    mode = FE_UPWARD;
  else
    open &= !decode.take("rn");
  open &= mode == FE_TONEAREST;
  Handler run = nullptr;
  if (mode != FE_TONEAREST) {
    if (saturate)
      decode.unsupported(".sat and directed rounding");
    run = type.bits == 64 ? &directed<double, Op, Number, false>
          : ftz           ? &directed<float, Op, Number, true>
                          : &directed<float, Op, Number, false>;
    decode.instr.detail = static_cast<std::uint16_t>(mode);
  } else if (type.bits == 64) {
    run = nearest<double, Op, Number, false, false>();
  } else if (ftz) {
    run = saturate ? nearest<float, Op, Number, true, true>() : nearest<float, Op, Number, true, false>();
  } else {
    run = saturate ? nearest<float, Op, Number, false, true>() : nearest<float, Op, Number, false, false>();
  }
  plain(decode, type, Number, run, category);
  if (open)
    decode.instr.fusible = std::is_same_v<Op, FloatMultiply>   ? Fusible::Product
                           : std::is_same_v<Op, FloatAdd>      ? Fusible::Sum
                           : std::is_same_v<Op, FloatSubtract> ? Fusible::Difference
                                                               : Fusible::None;
}

template <bool Max>
void extremum(Decode& decode, Type type) {
  const bool ftz = decode.take("ftz"), nan = decode.take("NaN"), xor_sign = decode.take("xorsign");
  if (xor_sign && !decode.take("abs"))
    decode.unsupported(".xorsign without .abs");
  const auto choose = [&]<bool Ftz>(std::bool_constant<Ftz>) -> Handler {
    if (xor_sign)
      return nan ? &binary<float, Extremum<Max, Ftz, true, true>> : &binary<float, Extremum<Max, Ftz, false, true>>;
    return nan ? &binary<float, Extremum<Max, Ftz, true, false>> : &binary<float, Extremum<Max, Ftz, false, false>>;
  };
  Handler run = ftz ? choose(std::true_type{}) : choose(std::false_type{});
  if (type.bits == 64)
    run = &binary<double, Extremum<Max, false, false, false>>;
  if (decode.count() == 4) { // the largest of three: two steps
    if (type.bits != 32)
      decode.unsupported("three operands");
    const Slot between = decode.temporary(32);
    decode.sources(1, 2, type);
    decode.instr.op = {between, decode.instr.op[0], decode.instr.op[1]};
    decode.instr.writes = 1, decode.instr.operands = 3;
    decode.handler(run, Class::Alu);
    decode.emit();
    decode.destination(decode.operand(0), type);
    decode.instr.op[decode.instr.operands++] = between;
    decode.source(decode.operand(3), type);
    return decode.handler(run, Class::Alu);
  }
  plain(decode, type, 2, run);
}

template <class Op>
void sign(Decode& decode, Type type) {
  const bool ftz = decode.take("ftz");
  plain(decode, type, 1,
        type.bits == 64 ? &unary<double, Op>
        : ftz           ? &unary<float, Finished<Op, true>>
                        : &unary<float, Op>);
}

void copySign(Decode& decode, Type type) {
  plain(decode, type, 2, type.bits == 64 ? &binary<double, CopySign> : &binary<float, CopySign>);
}

template <class Op>
void approximate(Decode& decode, Type type) {
  const bool ftz = decode.take("ftz");
  decode.take("approx");
  if (type.bits != 32)
    decode.unsupported("f64");
  plain(decode, type, 1, ftz ? &unary<float, Finished<Op, true>> : &unary<float, Finished<Op, false>>, Class::Sfu);
}

template <class T>
void testProperty(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<Bits<T>>(instr.op[1]);
  const auto property = [&](unsigned i) {
    switch (instr.detail) {
    case 0:
      return static_cast<bool>(std::isfinite(std::bit_cast<T>(a[i])));
    case 1:
      return static_cast<bool>(std::isinf(std::bit_cast<T>(a[i])));
    case 2:
      return !std::isnan(std::bit_cast<T>(a[i]));
    case 3:
      return static_cast<bool>(std::isnan(std::bit_cast<T>(a[i])));
    case 4:
      return static_cast<bool>(std::isnormal(std::bit_cast<T>(a[i])));
    default:
      return std::fpclassify(std::bit_cast<T>(a[i])) == FP_SUBNORMAL;
    }
  };
  warp.setPredicate(instr.op[0], lanesWhere(property));
}

void decodeTestProperty(Decode& decode, Type type) {
  static constexpr const char* properties[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
  for (std::uint16_t i = 0; i < 6; ++i)
    if (decode.take(properties[i]))
      decode.instr.detail = i;
  decode.expectOperands(2, 2);
  decode.destination(decode.operand(0), {'p', 1});
  decode.source(decode.operand(1), type);
  decode.handler(type.bits == 64 ? &testProperty<double> : &testProperty<float>, Class::Alu);
}

/// div.full, rcp.approx and sqrt.approx compute the rounded value: within the bounds PTX states.
template <class Op, unsigned Number>
void divisionLike(Decode& decode, Type type) {
  const bool approx = decode.take("approx") || decode.take("full");
  rounded<Op, Number>(decode, type, approx ? Class::Sfu : Class::Alu);
}

} // namespace

void floatArithmetic(Decode& decode, Type type) {
  using Decoding = void (*)(Decode&, Type);
  static const std::unordered_map<std::string, Decoding> table = {
      {"add", [](Decode& d, Type t) { rounded<FloatAdd, 2>(d, t, Class::Fma); }},
      {"sub", [](Decode& d, Type t) { rounded<FloatSubtract, 2>(d, t, Class::Fma); }},
      {"mul", [](Decode& d, Type t) { rounded<FloatMultiply, 2>(d, t, Class::Fma); }},
      {"mad", [](Decode& d, Type t) { rounded<FloatFma, 3>(d, t, Class::Fma); }},
      {"fma", [](Decode& d, Type t) { rounded<FloatFma, 3>(d, t, Class::Fma); }},
      {"div",
       [](Decode& d, Type t) {
         if (t.bits == 32 && d.take("approx"))
           return plain(d, t, 2,
                        d.take("ftz") ? &binary<float, Finished<ApproximateDivide, true>>
                                      : &binary<float, Finished<ApproximateDivide, false>>,
                        Class::Sfu);
         divisionLike<FloatDivide, 2>(d, t);
       }},
      {"rcp", &divisionLike<Reciprocal, 1>},
      {"sqrt", &divisionLike<SquareRoot, 1>},
      {"min", &extremum<false>},
      {"max", &extremum<true>},
      {"neg", &sign<Negate>},
      {"abs", &sign<Absolute>},
      {"copysign", &copySign},
      {"ex2", &approximate<Exp2>},
      {"lg2", &approximate<Log2>},
      {"sin", &approximate<Sine>},
      {"cos", &approximate<Cosine>},
      {"tanh", &approximate<Tanh>},
      {"rsqrt",
       [](Decode& d, Type t) {
         if (t.bits == 32)
           return approximate<ReciprocalRoot>(d, t);
         d.take("approx"), d.take("ftz");
         plain(d, t, 1, &unary<double, ReciprocalRoot>, Class::Sfu);
       }},
      {"testp", &decodeTestProperty},
  };
  const auto found = table.find(decode.statement.opcode);
  if (found == table.end())
    decode.unsupported("this type");
  found->second(decode, type);
}

} // namespace attune::emulator::exec
