// cvt between all types and in all roundings, .ftz of f16 and the ends of div.approx, against the host's arithmetic
// and the text of the PTX ISA.

#include "tests/unit/emulator/Cases.h"

#include <cfenv>
#include <cmath>

namespace attune::emulator {
namespace {

double fromHalf(u32 h) {
  const u32 exponent = h >> 10 & 31, mantissa = h & 1023;
  const double magnitude = exponent == 31  ? (mantissa != 0 ? NAN : INFINITY)
                           : exponent == 0 ? std::ldexp(mantissa, -24)
                                           : std::ldexp(1024 + mantissa, static_cast<int>(exponent) - 25);
  return (h & 0x8000) != 0 ? -magnitude : magnitude;
}

struct Rounding {
  const char* name;
  int mode;
};
constexpr Rounding roundings[] = {{"n", FE_TONEAREST}, {"z", FE_TOWARDZERO}, {"m", FE_DOWNWARD}, {"p", FE_UPWARD}};

double integral(double value, int mode) {
  return mode == FE_TONEAREST  ? std::nearbyint(value)
         : mode == FE_DOWNWARD ? std::floor(value)
         : mode == FE_UPWARD   ? std::ceil(value)
                               : std::trunc(value);
}

/// PTX ISA, cvt: out of range goes to the nearer end; NaN to 0, or the highest bit alone if 64 bits are involved.
u64 toInteger(double value, unsigned bits, bool is_signed, bool from_double) {
  if (value != value)
    return from_double || bits == 64 ? (is_signed ? ~u64{0} : u64{1}) << (bits - 1) : 0;
  const double high = std::ldexp(1.0, static_cast<int>(is_signed ? bits - 1 : bits)), low = is_signed ? -high : 0;
  if (value >= high)
    return is_signed ? (u64{1} << (bits - 1)) - 1 : bits == 64 ? ~u64{0} : (u64{1} << bits) - 1;
  if (value <= low)
    return is_signed ? u64{0} - (u64{1} << (bits - 1)) : 0;
  return is_signed ? static_cast<u64>(static_cast<s64>(value)) : static_cast<u64>(value);
}

TEST(Conversion, FloatToIntegerInEveryRounding) {
  for (const auto& [name, mode] : roundings)
    for (const unsigned bits : {8u, 16u, 32u, 64u})
      for (const bool is_signed : {false, true}) {
        const std::string to = (is_signed ? "s" : "u") + std::to_string(bits);
        const std::string convert = std::string("cvt.r") + name + "i." + to;
        const auto at_width = [&](u64 value) { return bits == 64 ? value : static_cast<u64>(static_cast<u32>(value)); };
        // results of 8 and 16 bits are extended to the register by their sign
        const std::string single =
            bits == 64   ? convert + ".f32 %p3, %a; cvt.u32.u64 %d, %p3;"
            : bits == 16 ? convert + ".f32 %h0, %a; cvt." + (is_signed ? "s" : "u") + "32." + to + " %d, %h0;"
                         : convert + ".f32 %d, %a;";
        check({single.c_str(),
               [=, m = mode](u64 a, u64, u64) {
                 return toInteger(integral(asFloat(static_cast<u32>(a)), m), bits, is_signed, false);
               }},
              false);
        const std::string twice = bits == 64   ? convert + ".f64 %d, %e0;"
                                  : bits == 16 ? convert + ".f64 %h0, %e0; cvt." + (is_signed ? "s" : "u") + "32." +
                                                     to + " %r1, %h0; cvt.u64.u32 %d, %r1;"
                                               : convert + ".f64 %r1, %e0; cvt.u64.u32 %d, %r1;";
        check({("mov.b64 %e0, %a; " + twice).c_str(),
               [=, m = mode](u64 a, u64, u64) {
                 return at_width(toInteger(integral(std::bit_cast<double>(a), m), bits, is_signed, true));
               }},
              true);
      }
}

template <class To, class From>
To narrowedBy(int mode, From value) {
  const int before = std::fegetround();
  std::fesetround(mode);
  const volatile From kept = value;
  const volatile To result = static_cast<To>(kept);
  std::fesetround(before);
  return result;
}

TEST(Conversion, ToF32InEveryRounding) {
  for (const auto& [name, mode] : roundings) {
    const std::string convert = std::string("cvt.r") + name + ".f32.";
    check({("mov.b64 %e0, %a; " + convert + "f64 %f0, %e0; mov.b32 %r1, %f0; cvt.u64.u32 %d, %r1;").c_str(),
           [m = mode](u64 a, u64, u64) -> u64 { return bitsOf(narrowedBy<float>(m, std::bit_cast<double>(a))); }},
          true);
    check({(convert + "s64 %f0, %a; mov.b32 %r1, %f0; cvt.u64.u32 %d, %r1;").c_str(),
           [m = mode](u64 a, u64, u64) -> u64 { return bitsOf(narrowedBy<float>(m, static_cast<s64>(a))); }},
          true);
    check({(convert + "u64 %f0, %a; mov.b32 %r1, %f0; cvt.u64.u32 %d, %r1;").c_str(),
           [m = mode](u64 a, u64, u64) -> u64 { return bitsOf(narrowedBy<float>(m, a)); }},
          true);
    check({(convert + "s32 %f0, %a; mov.b32 %d, %f0;").c_str(),
           [m = mode](u64 a, u64, u64) -> u64 { return bitsOf(narrowedBy<float>(m, static_cast<s32>(a))); }},
          false);
    check({(convert + "u32 %f0, %a; mov.b32 %d, %f0;").c_str(),
           [m = mode](u64 a, u64, u64) -> u64 { return bitsOf(narrowedBy<float>(m, static_cast<u32>(a))); }},
          false);
  }
}

/// The two halves around x, and which of them the rounding takes.
u32 halfBy(int mode, double x) {
  if (x != x)
    return 0x7fff;
  const u32 sign = std::signbit(x) ? 0x8000 : 0;
  const double magnitude = std::abs(x);
  u32 below = 0x7bff; // the largest half that is not larger
  if (magnitude < 65504) {
    below = 0;
    for (u32 bit = 0x4000; bit != 0; bit >>= 1)
      if (fromHalf(below | bit) <= magnitude)
        below |= bit;
  } else if (std::isinf(magnitude)) {
    return sign | 0x7c00;
  }
  if (fromHalf(below) == magnitude)
    return sign | below;
  const bool away = mode == FE_UPWARD ? sign == 0 : mode == FE_DOWNWARD && sign != 0;
  const double middle = below == 0x7bff ? 65520 : (fromHalf(below) + fromHalf(below + 1)) / 2;
  const bool nearest_up = magnitude > middle || (magnitude == middle && (below & 1) != 0);
  return sign | (below + (mode == FE_TONEAREST ? nearest_up : away ? 1 : 0));
}

TEST(Conversion, ToF16InEveryRounding) {
  for (const auto& [name, mode] : roundings) {
    const std::string convert = std::string("cvt.r") + name + ".f16.";
    // a mantissa and exponent around the range of halves, so that subnormals and overflow come up
    const std::string shape = "and.b32 %r1, %a, 0x807fffff; and.b32 %r2, %b, 0x3f; mad.lo.u32 %r1, %r2, 0x800000, %r1; "
                              "add.u32 %r1, %r1, 0x32000000; ";
    check({(shape + convert + "f32 %h0, %r1; cvt.u32.u16 %d, %h0;").c_str(),
           [m = mode](u64 a, u64 b, u64) -> u64 {
             const u32 bits = static_cast<u32>((a & 0x807fffff) + (b & 0x3f) * 0x800000 + 0x32000000);
             return halfBy(m, asFloat(bits));
           }},
          false);
    check({(convert + "s32 %h0, %a; cvt.u32.u16 %d, %h0;").c_str(),
           [m = mode](u64 a, u64, u64) -> u64 { return halfBy(m, static_cast<s32>(a)); }},
          false);
  }
}

u32 flushed(u64 half) { return static_cast<u32>((half & 0x7c00) == 0 ? half & 0x8000 : half & 0xffff); }
u32 both(u64 a, u64 b, u32 (*f)(u64, u64)) { return f(a, b) | f(a >> 16, b >> 16) << 16; }

TEST(Conversion, FlushOfHalves) {
  const std::string small = "and.b32 %r1, %a, 0x87ff87ff; and.b32 %r2, %b, 0x87ff87ff; "; // exponents 0 and 1
  const auto cut = [](u64 x) { return x & 0x87ff87ff; };
  check({(small + "add.ftz.f16x2 %d, %r1, %r2;").c_str(),
         [=](u64 a, u64 b, u64) -> u64 {
           return both(cut(a), cut(b), [](u64 x, u64 y) {
             return flushed(halfBy(FE_TONEAREST, fromHalf(flushed(x)) + fromHalf(flushed(y))));
           });
         }},
        false);
  check({(small + "max.ftz.f16x2 %d, %r1, %r2;").c_str(),
         [=](u64 a, u64 b, u64) -> u64 {
           return both(cut(a), cut(b), [](u64 x, u64 y) {
             const double p = fromHalf(flushed(x)), q = fromHalf(flushed(y));
             const bool first = p > q || (p == q && !std::signbit(p));
             return flushed(first ? x : y);
           });
         }},
        false);
  check({(small + "neg.ftz.f16x2 %d, %r1;").c_str(),
         [=](u64 a, u64, u64) -> u64 { return both(cut(a), 0, [](u64 x, u64) { return flushed(x) ^ 0x8000; }); }},
        false);
  check({(small + "fma.rn.ftz.f16x2 %d, %r1, 0x3c003c00, %r2;").c_str(),
         [=](u64 a, u64 b, u64) -> u64 {
           return both(cut(a), cut(b), [](u64 x, u64 y) {
             return flushed(halfBy(FE_TONEAREST, fromHalf(flushed(x)) + fromHalf(flushed(y))));
           });
         }},
        false);
}

TEST(Conversion, ApproximateDivisionEndsAt2To126) {
  check({"div.approx.f32 %d, %a, 0f7F000000;", // 2^127
         [](u64 a, u64, u64) -> u64 { return bitsOf(asFloat(static_cast<u32>(a)) * 0.0f); }},
        false);
  check({"div.approx.f32 %d, %a, 0f7E800000;", // 2^126
         [](u64 a, u64, u64) -> u64 { return bitsOf(asFloat(static_cast<u32>(a)) / 0x1p126f); }},
        false);
  check({"div.full.f32 %d, %a, 0f7F000000;",
         [](u64 a, u64, u64) -> u64 { return bitsOf(asFloat(static_cast<u32>(a)) / 0x1p127f); }},
        false);
}

} // namespace
} // namespace attune::emulator
