#include "runtime/emulator/exec/Arithmetic.h"
#include "runtime/emulator/exec/Lanes.h"
#include "runtime/emulator/exec/Special.h"

namespace attune::emulator::exec {

namespace {

// Sums, products and quotients of two 11-bit (or 8-bit) significands are rounded rightly through f32, which has more
// than twice as many bits. A fused multiply-add needs f64, and the rest of its sum to break ties.

struct Sum {
  float operator()(float a, float b) const { return a + b; }
};
struct Difference {
  float operator()(float a, float b) const { return a - b; }
};
struct Product {
  float operator()(float a, float b) const { return a * b; }
};
/// a * b + c rounded to odd in f32: rounding that once more, to 11 or 8 bits, is as if it was rounded once.
struct Fused {
  float operator()(float a, float b, float c) const {
    const double product = static_cast<double>(a) * static_cast<double>(b); // exact
    const double sum = product + static_cast<double>(c);
    const double big = sum - product;
    const double rest = (product - (sum - big)) + (static_cast<double>(c) - big);
    const auto narrow = static_cast<float>(sum);
    const double error = (sum - static_cast<double>(narrow)) + rest;
    const auto bits = std::bit_cast<std::uint32_t>(narrow);
    if (!(error != 0) || (bits & 1) != 0 || (bits & 0x7f800000) == 0x7f800000)
      return narrow;
    const bool away = (error > 0) == (narrow > 0) || (narrow == 0);
    return std::bit_cast<float>(away ? bits | 1 : bits - 1);
  }
};
template <bool Max, bool PropagateNan, bool XorSign>
struct Extremum {
  float operator()(float a, float b) const {
    const std::uint32_t sign = (std::bit_cast<std::uint32_t>(a) ^ std::bit_cast<std::uint32_t>(b)) & 0x80000000;
    if constexpr (XorSign)
      a = std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) & 0x7fffffff),
      b = std::bit_cast<float>(std::bit_cast<std::uint32_t>(b) & 0x7fffffff);
    const std::uint32_t x = std::bit_cast<std::uint32_t>(a), y = std::bit_cast<std::uint32_t>(b);
    float result = Max ? (a > b ? a : b) : (a < b ? a : b);
    result = a == b ? std::bit_cast<float>(Max ? x & y : x | y) : result;
    if constexpr (PropagateNan) {
      result = (a != a) || (b != b) ? canonical_nan : result;
    } else {
      result = a != a ? b : result;
      result = b != b ? a : result;
    }
    if constexpr (XorSign)
      result = std::bit_cast<float>(std::bit_cast<std::uint32_t>(result) | sign);
    return result;
  }
};
struct Saturate {
  template <class T>
  T operator()(T x) const {
    return x > 0 ? (x < 1 ? x : T{1}) : T{0};
  }
};
template <class Op, bool Relu, bool Clamp>
struct After {
  template <class... T>
  float operator()(T... values) const {
    const float result = Op{}(values...);
    if constexpr (Clamp)
      return Saturate{}(result);
    if constexpr (Relu)
      return result != result ? canonical_nan : result > 0 ? result : 0.0f;
    return result;
  }
};

/// Applies an operation of floats to halves, or to each half of a pair.
template <class T, bool Ftz>
struct Lift {
  template <class Op, class... Rest>
  static T apply(Rest... values) {
    return flushIf<Ftz>(fromFloat<T>(Op{}(toFloat(flushIf<Ftz>(values))...)));
  }
};
template <class Element, bool Ftz>
struct Lift<Pair<Element>, Ftz> {
  template <class Op, class... Rest>
  static Pair<Element> apply(Rest... values) {
    using One = Lift<Element, Ftz>;
    const std::uint32_t low = One::template apply<Op>(Element{static_cast<std::uint16_t>(values.bits)}...).bits;
    const std::uint32_t high = One::template apply<Op>(Element{static_cast<std::uint16_t>(values.bits >> 16)}...).bits;
    return {low | high << 16};
  }
};
template <class T, class Op, bool Ftz>
struct Lifted {
  template <class... Rest>
  T operator()(Rest... values) const {
    return Lift<T, Ftz>::template apply<Op>(values...);
  }
};

template <class T, std::uint32_t And, std::uint32_t Xor, bool Ftz>
struct SignBits {
  T operator()(T a) const { return {static_cast<decltype(a.bits)>((flushIf<Ftz>(a).bits & And) ^ Xor)}; }
};

template <class T, class Op, unsigned Number, bool Ftz = false>
Handler lifted() {
  if constexpr (Number == 1)
    return &unary<T, Lifted<T, Op, Ftz>>;
  else if constexpr (Number == 2)
    return &binary<T, Lifted<T, Op, Ftz>>;
  else
    return &ternary<T, Lifted<T, Op, Ftz>>;
}

template <class Op, unsigned Number>
Handler forHalf(Type type, bool ftz) {
  switch (type.kind) {
  case 'f':
    return ftz ? lifted<Half, Op, Number, true>() : lifted<Half, Op, Number>();
  case 'h':
    return ftz ? lifted<Bfloat, Op, Number, true>() : lifted<Bfloat, Op, Number>();
  case 'F':
    return ftz ? lifted<Pair<Half>, Op, Number, true>() : lifted<Pair<Half>, Op, Number>();
  default:
    return ftz ? lifted<Pair<Bfloat>, Op, Number, true>() : lifted<Pair<Bfloat>, Op, Number>();
  }
}

template <class Op, unsigned Number>
void arithmetic(Decode& decode, Type type) {
  decode.take("rn");
  const bool ftz = decode.take("ftz"), relu = decode.take("relu"), saturate = decode.take("sat");
  Handler run = forHalf<Op, Number>(type, ftz);
  if (relu)
    run = forHalf<After<Op, true, false>, Number>(type, ftz);
  if (saturate)
    run = forHalf<After<Op, false, true>, Number>(type, ftz);
  plain(decode, type, Number, run, Class::Fma);
}

template <bool Max, bool Nan>
Handler extremumOf(Type type, bool ftz, bool xor_sign) {
  return xor_sign ? forHalf<Extremum<Max, Nan, true>, 2>(type, ftz) : forHalf<Extremum<Max, Nan, false>, 2>(type, ftz);
}

template <bool Max>
void extremum(Decode& decode, Type type) {
  const bool ftz = decode.take("ftz"), nan = decode.take("NaN"), xor_sign = decode.take("xorsign");
  if (xor_sign && !decode.take("abs"))
    decode.unsupported(".xorsign without .abs");
  plain(decode, type, 2,
        nan ? extremumOf<Max, true>(type, ftz, xor_sign) : extremumOf<Max, false>(type, ftz, xor_sign));
}

template <std::uint32_t And, std::uint32_t Xor>
void signBits(Decode& decode, Type type) {
  const auto choose = [&]<class T>(Tag<T>, bool ftz) -> Handler {
    return ftz ? &unary<T, SignBits<T, And, Xor, true>> : &unary<T, SignBits<T, And, Xor, false>>;
  };
  const bool ftz = decode.take("ftz");
  plain(decode, type, 1, type.bits == 32 ? choose(Tag<Pair<Half>>{}, ftz) : choose(Tag<Half>{}, ftz));
}

template <class Op>
void approximate(Decode& decode, Type type) {
  decode.take("approx");
  const bool ftz = decode.take("ftz");
  plain(decode, type, 1, forHalf<Op, 1>(type, ftz), Class::Sfu);
}

} // namespace

void halfArithmetic(Decode& decode, Type type) {
  using Decoding = void (*)(Decode&, Type);
  static const std::unordered_map<std::string, Decoding> table = {
      {"add", &arithmetic<Sum, 2>},
      {"sub", &arithmetic<Difference, 2>},
      {"mul", &arithmetic<Product, 2>},
      {"fma", &arithmetic<Fused, 3>},
      {"min", &extremum<false>},
      {"max", &extremum<true>},
      {"neg", &signBits<0xffffffff, 0x80008000>},
      {"abs", &signBits<0x7fff7fff, 0>},
      {"ex2", &approximate<Exp2>},
      {"tanh", &approximate<Tanh>},
  };
  const auto found = table.find(decode.statement.opcode);
  if (found == table.end())
    decode.unsupported("this type");
  found->second(decode, type);
}

} // namespace attune::emulator::exec
