// Instructions against plain host arithmetic: one row per instruction, every lane another pair of operands.

#include "tests/unit/emulator/Cases.h"

#include <cfenv>
#include <cmath>

namespace attune::emulator {
namespace {

class Narrow : public testing::TestWithParam<Case> {};
TEST_P(Narrow, AgreesWithTheHost) { check(GetParam(), false); }

u64 directed(int mode, float (*f)(float, float), u64 a, u64 b) {
  const int before = std::fegetround();
  std::fesetround(mode);
  volatile float x = asFloat(static_cast<u32>(a)), y = asFloat(static_cast<u32>(b));
  volatile float result = f(x, y);
  std::fesetround(before);
  return bitsOf(result);
}
[[gnu::noinline]] float plus(float a, float b) { return a + b; }
[[gnu::noinline]] float times(float a, float b) { return a * b; }

float smaller(float a, float b) {
  return std::isnan(a) ? b : std::isnan(b) ? a : a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
}
float larger(float a, float b) {
  return std::isnan(a) ? b : std::isnan(b) ? a : a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
}
s32 truncated(float x) {
  return std::isnan(x) ? 0 : x >= 2147483648.0f ? INT32_MAX : x < -2147483648.0f ? INT32_MIN : static_cast<s32>(x);
}

INSTANTIATE_TEST_SUITE_P(
    Integer, Narrow,
    testing::Values(
        Case{"add.s32 %d, %a, %b;", [](u64 a, u64 b, u64) { return a + b; }},
        Case{"sub.s32 %d, %a, 7;", [](u64 a, u64, u64) { return a - 7; }},
        Case{"add.sat.s32 %d, %a, %b;", [](u64 a, u64 b, u64) { return static_cast<u64>(std::clamp<s64>(s64{static_cast<s32>(a)} + static_cast<s32>(b), INT32_MIN, INT32_MAX)); }},
        Case{"mul.lo.s32 %d, %a, %b;", [](u64 a, u64 b, u64) { return a * b; }},
        Case{"mul.hi.s32 %d, %a, %b;", [](u64 a, u64 b, u64) { return static_cast<u64>((s64{static_cast<s32>(a)} * static_cast<s32>(b)) >> 32); }},
        Case{"mul.hi.u32 %d, %a, %b;", [](u64 a, u64 b, u64) { return a * b >> 32; }},
        Case{"mad.lo.s32 %d, %a, %b, %c;", [](u64 a, u64 b, u64 c) { return a * b + c; }},
        Case{"mad.hi.u32 %d, %a, %b, %c;", [](u64 a, u64 b, u64 c) { return (a * b >> 32) + c; }},
        Case{"min.s32 %d, %a, %b;", [](u64 a, u64 b, u64) { return static_cast<u64>(std::min(static_cast<s32>(a), static_cast<s32>(b))); }},
        Case{"max.u32 %d, %a, %b;", [](u64 a, u64 b, u64) { return std::max(a, b); }},
        Case{"abs.s32 %d, %a;", [](u64 a, u64, u64) { return static_cast<s32>(a) < 0 ? 0 - a : a; }},
        Case{"neg.s32 %d, %a;", [](u64 a, u64, u64) { return 0 - a; }},
        Case{"or.b32 %r1, %b, 1; div.u32 %d, %a, %r1;", [](u64 a, u64 b, u64) { return a / (b | 1); }},
        Case{"or.b32 %r1, %b, 2; div.s32 %d, %a, %r1;", [](u64 a, u64 b, u64) { return static_cast<u64>(s64{static_cast<s32>(a)} / static_cast<s32>(b | 2)); }},
        Case{"or.b32 %r1, %b, 2; rem.s32 %d, %a, %r1;", [](u64 a, u64 b, u64) { return static_cast<u64>(s64{static_cast<s32>(a)} % static_cast<s32>(b | 2)); }},
        Case{"shl.b32 %d, %a, %b;", [](u64 a, u64 b, u64) { return b > 31 ? 0 : a << b; }},
        Case{"shr.u32 %d, %a, %b;", [](u64 a, u64 b, u64) { return b > 31 ? 0 : a >> b; }},
        Case{"shr.s32 %d, %a, %b;", [](u64 a, u64 b, u64) { return static_cast<u64>(static_cast<s32>(a) >> std::min<u64>(b, 31)); }},
        Case{"shf.l.wrap.b32 %d, %a, %b, %c;", [](u64 a, u64 b, u64 c) { return ((b << 32 | a) << (c & 31)) >> 32; }},
        Case{"shf.r.clamp.b32 %d, %a, %b, %c;", [](u64 a, u64 b, u64 c) { return (b << 32 | a) >> std::min<u64>(c, 32); }},
        Case{"lop3.b32 %d, %a, %b, %c, 0xe8;", [](u64 a, u64 b, u64 c) { return (a & b) | (a & c) | (b & c); }},
        Case{"lop3.b32 %d, %a, %b, %c, 0xca;", [](u64 a, u64 b, u64 c) { return (a & b) | (~a & c); }},
        Case{"prmt.b32 %d, %a, %b, 0x7531;", [](u64 a, u64 b, u64) { return (a >> 8 & 0xff) | (a >> 24 & 0xff) << 8 | (b >> 8 & 0xff) << 16 | (b >> 24 & 0xff) << 24; }},
        Case{"prmt.b32 %d, %a, 0, 0xb4;",
             [](u64 a, u64, u64) { return (a >> 31 != 0 ? 0xff00ull : 0) | (a & 0xff) << 16 | (a & 0xff) << 24; }},
        Case{"bfe.u32 %d, %a, 5, 7;", [](u64 a, u64, u64) { return a >> 5 & 127; }},
        Case{"bfe.s32 %d, %a, 28, 8;", [](u64 a, u64, u64) { return static_cast<u64>(static_cast<s32>(a) >> 28); }},
        Case{"bfi.b32 %d, %a, %b, 4, 8;", [](u64 a, u64 b, u64) { return (b & ~u64{0xff0}) | (a & 0xff) << 4; }},
        Case{"popc.b32 %d, %a;", [](u64 a, u64, u64) { return static_cast<u64>(std::popcount(a)); }},
        Case{"clz.b32 %d, %a;", [](u64 a, u64, u64) { return static_cast<u64>(std::countl_zero(static_cast<u32>(a))); }},
        Case{"brev.b32 %d, %a;", [](u64 a, u64, u64) { u64 r = 0; for (int i = 0; i < 32; ++i) r |= (a >> i & 1) << (31 - i); return r; }},
        Case{"bfind.u32 %d, %a;", [](u64 a, u64, u64) { return a == 0 ? ~u64{0} : static_cast<u64>(std::bit_width(a)) - 1; }},
        Case{"sad.u32 %d, %a, %b, %c;", [](u64 a, u64 b, u64 c) { return c + (a > b ? a - b : b - a); }},
        Case{"dp4a.s32.s32 %d, %a, %b, %c;", [](u64 a, u64 b, u64 c) { s64 sum = static_cast<s64>(c); for (int i = 0; i < 32; i += 8) sum += static_cast<std::int8_t>(a >> i) * static_cast<std::int8_t>(b >> i); return static_cast<u64>(sum); }},
        Case{"cvt.u16.u32 %h0, %a; mul.wide.u16 %d, %h0, %h0;", [](u64 a, u64, u64) { return (a & 0xffff) * (a & 0xffff); }},
        Case{"cvt.s32.s8 %d, %a;", [](u64 a, u64, u64) { return static_cast<u64>(static_cast<std::int8_t>(a)); }},
        Case{"cvt.sat.u8.s32 %d, %a;", [](u64 a, u64, u64) { return static_cast<u64>(std::clamp(static_cast<s32>(a), 0, 255)); }},
        Case{"setp.lt.s32 %q0, %a, %b; selp.b32 %d, %a, %b, %q0;", [](u64 a, u64 b, u64) { return static_cast<s32>(a) < static_cast<s32>(b) ? a : b; }},
        Case{"setp.hi.u32 %q0|%q1, %a, %b; @%q1 mov.u32 %d, 5; @!%q1 mov.u32 %d, 6;", [](u64 a, u64 b, u64) -> u64 { return a > b ? 6 : 5; }},
        Case{"setp.eq.u32 %q1, %c, 0; setp.ge.or.s32 %q0, %a, %b, %q1; selp.u32 %d, 1, 0, %q0;", [](u64 a, u64 b, u64 c) -> u64 { return static_cast<s32>(a) >= static_cast<s32>(b) || c == 0; }},
        Case{"set.lt.u32.u32 %d, %a, %b;", [](u64 a, u64 b, u64) -> u64 { return a < b ? 0xffffffff : 0; }},
        Case{"slct.b32.s32 %d, %a, %b, %c;", [](u64 a, u64 b, u64 c) { return static_cast<s32>(c) >= 0 ? a : b; }},
        Case{"add.cc.u32 %r1, %a, %b; addc.u32 %d, %c, 0;", [](u64 a, u64 b, u64 c) { return c + ((a + b) >> 32); }},
        Case{"sub.cc.u32 %r1, %a, %b; subc.u32 %d, %c, 0;", [](u64 a, u64 b, u64 c) { return c - (a < b); }},
        Case{"mov.b32 {%h0, %h1}, %a; mov.b32 %d, {%h1, %h0};", [](u64 a, u64, u64) { return a >> 16 | a << 16; }},
        Case{"{ .reg .b32 %d2; mov.b32 %d2, %a; mov.b32 %d, %d2; }", [](u64 a, u64, u64) { return a; }}));

INSTANTIATE_TEST_SUITE_P(
    Float, Narrow,
    testing::Values(
        Case{"add.f32 %d, %a, %b;",
             [](u64 a, u64 b, u64) -> u64 {
               return bitsOf(asFloat(static_cast<u32>(a)) + asFloat(static_cast<u32>(b)));
             }},
        Case{"mul.rn.f32 %d, %a, %b;",
             [](u64 a, u64 b, u64) -> u64 {
               return bitsOf(asFloat(static_cast<u32>(a)) * asFloat(static_cast<u32>(b)));
             }},
        Case{"fma.rn.f32 %d, %a, %b, %c;",
             [](u64 a, u64 b, u64 c) -> u64 {
               return bitsOf(
                   std::fma(asFloat(static_cast<u32>(a)), asFloat(static_cast<u32>(b)), asFloat(static_cast<u32>(c))));
             }},
        Case{"add.rz.f32 %d, %a, %b;", [](u64 a, u64 b, u64) { return directed(FE_TOWARDZERO, plus, a, b); }},
        Case{"mul.rp.f32 %d, %a, %b;", [](u64 a, u64 b, u64) { return directed(FE_UPWARD, times, a, b); }},
        Case{"add.ftz.f32 %d, %a, 0f00000000;",
             [](u64 a, u64, u64) -> u64 {
               const float x = asFloat(static_cast<u32>(a));
               return bitsOf(std::fpclassify(x) == FP_SUBNORMAL ? 0.0f : x + 0.0f);
             }},
        Case{"mul.sat.f32 %d, %a, %b;",
             [](u64 a, u64 b, u64) -> u64 {
               const float x = asFloat(static_cast<u32>(a)) * asFloat(static_cast<u32>(b));
               return bitsOf(x > 0 ? std::min(x, 1.0f) : 0.0f);
             }},
        Case{"div.rn.f32 %d, %a, %b;",
             [](u64 a, u64 b, u64) -> u64 {
               return bitsOf(asFloat(static_cast<u32>(a)) / asFloat(static_cast<u32>(b)));
             }},
        Case{"rcp.rn.f32 %d, %a;", [](u64 a, u64, u64) -> u64 { return bitsOf(1.0f / asFloat(static_cast<u32>(a))); }},
        Case{"sqrt.rn.f32 %d, %a;",
             [](u64 a, u64, u64) -> u64 { return bitsOf(std::sqrt(asFloat(static_cast<u32>(a)))); }},
        Case{"min.f32 %d, %a, %b;",
             [](u64 a, u64 b, u64) -> u64 {
               return bitsOf(smaller(asFloat(static_cast<u32>(a)), asFloat(static_cast<u32>(b))));
             }},
        Case{"max.f32 %d, %a, %b;",
             [](u64 a, u64 b, u64) -> u64 {
               return bitsOf(larger(asFloat(static_cast<u32>(a)), asFloat(static_cast<u32>(b))));
             }},
        Case{"max.NaN.f32 %d, %a, %b;",
             [](u64 a, u64 b, u64) -> u64 {
               const float x = asFloat(static_cast<u32>(a)), y = asFloat(static_cast<u32>(b));
               return x != x || y != y ? 0x7fffffff : bitsOf(larger(x, y));
             }},
        Case{"abs.f32 %d, %a;", [](u64 a, u64, u64) { return a & 0x7fffffff; }},
        Case{"neg.f32 %d, %a;", [](u64 a, u64, u64) { return a ^ 0x80000000; }},
        Case{"setp.lt.f32 %q0, %a, %b; selp.u32 %d, 1, 0, %q0;",
             [](u64 a, u64 b, u64) -> u64 { return asFloat(static_cast<u32>(a)) < asFloat(static_cast<u32>(b)); }},
        Case{"setp.geu.f32 %q0, %a, %b; selp.u32 %d, 1, 0, %q0;",
             [](u64 a, u64 b, u64) -> u64 { return !(asFloat(static_cast<u32>(a)) < asFloat(static_cast<u32>(b))); }},
        Case{"setp.ne.f32 %q0, %a, %a; selp.u32 %d, 1, 0, %q0;", [](u64, u64, u64) -> u64 { return 0; }},
        Case{"setp.nan.f32 %q0, %a, %a; selp.u32 %d, 1, 0, %q0;",
             [](u64 a, u64, u64) -> u64 { return (a & 0x7fffffff) > 0x7f800000; }},
        Case{"cvt.rzi.s32.f32 %d, %a;",
             [](u64 a, u64, u64) -> u64 { return static_cast<u32>(truncated(asFloat(static_cast<u32>(a)))); }},
        Case{"cvt.rni.f32.f32 %d, %a;",
             [](u64 a, u64, u64) -> u64 { return bitsOf(std::nearbyint(asFloat(static_cast<u32>(a)))); }},
        Case{"cvt.rmi.f32.f32 %d, %a;",
             [](u64 a, u64, u64) -> u64 { return bitsOf(std::floor(asFloat(static_cast<u32>(a)))); }},
        Case{"cvt.rn.f32.s32 %d, %a;",
             [](u64 a, u64, u64) -> u64 { return bitsOf(static_cast<float>(static_cast<s32>(a))); }},
        Case{"cvt.rn.f32.u32 %d, %a;",
             [](u64 a, u64, u64) -> u64 { return bitsOf(static_cast<float>(static_cast<u32>(a))); }},
        Case{"cvt.f64.f32 %e0, %a; mul.f64 %e0, %e0, 0d3FF8000000000000; cvt.rn.f32.f64 %d, %e0;",
             [](u64 a, u64, u64) -> u64 {
               return bitsOf(static_cast<float>(static_cast<double>(asFloat(static_cast<u32>(a))) * 1.5));
             }},
        Case{"cvt.rz.f32.f64 %d, 0d3FF0000030000000;", [](u64, u64, u64) -> u64 { return 0x3f800001; }}));

u32 bfloat(float x) {
  const u32 b = std::bit_cast<u32>(x);
  return x != x ? 0x7fff : (b + 0x7fff + (b >> 16 & 1)) >> 16;
}

/// Half of f64 by definition: the nearest of all halves, ties to even.
u32 half(double x) {
  if (x != x)
    return 0x7fff;
  const u32 sign = std::signbit(x) ? 0x8000 : 0;
  x = std::abs(x);
  if (x >= 65520)
    return sign | 0x7c00;
  int exponent = std::max(std::ilogb(x), -14);
  if (x == 0)
    return sign;
  const double unit = std::ldexp(1.0, exponent - 10);
  const double count = std::nearbyint(x / unit);
  return sign | (static_cast<u32>(exponent + 14) * 1024 + static_cast<u32>(count));
}
double fromHalf(u32 h) {
  const u32 exponent = h >> 10 & 31, mantissa = h & 1023;
  const double magnitude = exponent == 31  ? (mantissa != 0 ? NAN : INFINITY)
                           : exponent == 0 ? std::ldexp(mantissa, -24)
                                           : std::ldexp(1024 + mantissa, static_cast<int>(exponent) - 25);
  return (h & 0x8000) != 0 ? -magnitude : magnitude;
}
float fromBfloat(u64 h) { return asFloat(static_cast<u32>(h & 0xffff) << 16); }

INSTANTIATE_TEST_SUITE_P(
    Halves, Narrow,
    testing::Values(Case{"cvt.rn.bf16x2.f32 %d, %a, %b;",
                         [](u64 a, u64 b, u64) -> u64 {
                           return bfloat(asFloat(static_cast<u32>(b))) | bfloat(asFloat(static_cast<u32>(a))) << 16;
                         }},
                    Case{"cvt.rn.f16x2.f32 %d, %a, %b;",
                         [](u64 a, u64 b, u64) -> u64 {
                           return half(asFloat(static_cast<u32>(b))) | half(asFloat(static_cast<u32>(a))) << 16;
                         }},
                    Case{"cvt.u16.u32 %h0, %a; cvt.f32.f16 %d, %h0;",
                         [](u64 a, u64, u64) -> u64 {
                           const double x = fromHalf(static_cast<u32>(a & 0xffff));
                           return x != x ? (0x7f800000 | (a & 1023) << 13 | (a & 0x8000) << 16)
                                         : bitsOf(static_cast<float>(x));
                         }},
                    Case{"cvt.rz.f16.f32 %h0, %a; cvt.u32.u16 %d, %h0;",
                         [](u64 a, u64, u64) -> u64 {
                           const float x = asFloat(static_cast<u32>(a));
                           u32 h = half(x);
                           if (std::isfinite(x) && std::abs(fromHalf(h)) > std::abs(x))
                             --h;
                           return h;
                         }},
                    Case{"add.f16x2 %d, %a, %b;",
                         [](u64 a, u64 b, u64) -> u64 {
                           const auto sum = [](u64 x, u64 y) {
                             return half(fromHalf(static_cast<u32>(x & 0xffff)) +
                                         fromHalf(static_cast<u32>(y & 0xffff)));
                           };
                           return sum(a, b) | sum(a >> 16, b >> 16) << 16;
                         }},
                    Case{"fma.rn.f16x2 %d, %a, %b, %c;",
                         [](u64 a, u64 b, u64 c) -> u64 {
                           const auto fused = [](u64 x, u64 y,
                                                 u64 z) { // exact in long double: 22-bit products, exponents within 64
                             const auto exact = static_cast<long double>(fromHalf(static_cast<u32>(x & 0xffff))) *
                                                    static_cast<long double>(fromHalf(static_cast<u32>(y & 0xffff))) +
                                                static_cast<long double>(fromHalf(static_cast<u32>(z & 0xffff)));
                             return half(static_cast<double>(exact));
                           };
                           return fused(a, b, c) | fused(a >> 16, b >> 16, c >> 16) << 16;
                         }},
                    Case{"mul.bf16x2 %d, %a, %b;",
                         [](u64 a, u64 b, u64) -> u64 {
                           return bfloat(fromBfloat(a) * fromBfloat(b)) |
                                  bfloat(fromBfloat(a >> 16) * fromBfloat(b >> 16)) << 16;
                         }},
                    Case{"max.bf16x2 %d, %a, %b;",
                         [](u64 a, u64 b, u64) -> u64 {
                           return bfloat(larger(fromBfloat(a), fromBfloat(b))) |
                                  bfloat(larger(fromBfloat(a >> 16), fromBfloat(b >> 16))) << 16;
                         }},
                    Case{"neg.f16x2 %d, %a;", [](u64 a, u64, u64) -> u64 { return a ^ 0x80008000; }}));

class Wide : public testing::TestWithParam<Case> {};
TEST_P(Wide, AgreesWithTheHost) { check(GetParam(), true); }

__extension__ using s128 = __int128;
__extension__ using u128 = unsigned __int128;

INSTANTIATE_TEST_SUITE_P(
    SixtyFourBits, Wide,
    testing::Values(
        Case{"add.s64 %d, %a, %b;", [](u64 a, u64 b, u64) { return a + b; }},
        Case{"mul.lo.s64 %d, %a, %b;", [](u64 a, u64 b, u64) { return a * b; }},
        Case{"mul.hi.u64 %d, %a, %b;", [](u64 a, u64 b, u64) { return static_cast<u64>((u128{a} * b) >> 64); }},
        Case{"mul.hi.s64 %d, %a, %b;",
             [](u64 a, u64 b, u64) {
               return static_cast<u64>((s128{static_cast<s64>(a)} * static_cast<s64>(b)) >> 64);
             }},
        Case{"mad.lo.s64 %d, %a, %b, %c;", [](u64 a, u64 b, u64 c) { return a * b + c; }},
        Case{"cvt.u32.u64 %r1, %a; cvt.u32.u64 %r2, %b; mad.wide.s32 %d, %r1, %r2, %c;",
             [](u64 a, u64 b, u64 c) { return static_cast<u64>(s64{static_cast<s32>(a)} * static_cast<s32>(b)) + c; }},
        Case{"cvt.u32.u64 %r1, %b; shr.s64 %d, %a, %r1;",
             [](u64 a, u64 b, u64) {
               return static_cast<u64>(static_cast<s64>(a) >> std::min<u64>(static_cast<u32>(b), 63));
             }},
        Case{"cvt.u32.u64 %r1, %a; cvt.s64.s32 %d, %r1;",
             [](u64 a, u64, u64) { return static_cast<u64>(s64{static_cast<s32>(a)}); }},
        Case{"mov.b64 {%r1, %r2}, %a; mov.b64 %d, {%r2, %r1};", [](u64 a, u64, u64) { return a >> 32 | a << 32; }},
        Case{"clz.b64 %r1, %a; cvt.u64.u32 %d, %r1;",
             [](u64 a, u64, u64) { return static_cast<u64>(std::countl_zero(a)); }},
        Case{"setp.gt.s64 %q0, %a, %b; selp.b64 %d, %a, %b, %q0;",
             [](u64 a, u64 b, u64) { return static_cast<u64>(std::max(static_cast<s64>(a), static_cast<s64>(b))); }},
        Case{"bfe.u64 %d, %a, 40, 20;", [](u64 a, u64, u64) { return a >> 40 & 0xfffff; }},
        Case{"add.cc.u64 %p3, %a, %b; addc.u64 %d, %c, 0;",
             [](u64 a, u64 b, u64 c) { return c + static_cast<u64>((u128{a} + b) >> 64); }}));

TEST(Approximations, StayWithinTheErrorPtxStates) {
  const std::string body = ".reg .f32 %f<3>; .reg .b32 %r; .reg .b64 %p<3>; ld.param.u64 %p0, [io]; mov.u32 %r, "
                           "%tid.x; mul.wide.u32 %p1, %r, 4; add.s64 %p0, %p0, %p1; ld.global.f32 %f0, [%p0];\n";
  struct Row {
    const char* instruction;
    double (*exact)(double);
    float low, high;
    double bound = 3e-7;
  };
  const Row rows[] = {{"ex2.approx.ftz.f32", [](double x) { return std::exp2(x); }, -125, 127},
                      {"lg2.approx.f32", [](double x) { return std::log2(x); }, 2, 1000},
                      {"rcp.approx.f32", [](double x) { return 1 / x; }, 0.1f, 1000},
                      {"rsqrt.approx.f32", [](double x) { return 1 / std::sqrt(x); }, 0.1f, 1000},
                      {"tanh.approx.f32", [](double x) { return std::tanh(x); }, -4, 4, 0x1p-11}};
  for (const Row& row : rows) {
    Harness harness;
    std::vector<float> in(1024);
    for (std::size_t i = 0; i < in.size(); ++i)
      in[i] = row.low + (row.high - row.low) * static_cast<float>(i) / 1023.0f;
    const DevicePtr io = harness.upload(in, "io");
    harness.launch(
        kernelText(".param .u64 io", body + row.instruction + std::string(" %f1, %f0; st.global.f32 [%p0], %f1;")), "k",
        {1}, {1024}, io);
    const auto got = harness.download<float>(io, in.size());
    double worst = 0; // relative
    for (std::size_t i = 0; i < in.size(); ++i) {
      ASSERT_TRUE(std::isfinite(got[i])) << row.instruction << " of " << in[i]; // std::max would pass NaN by
      worst = std::max(worst, std::abs(got[i] / row.exact(in[i]) - 1));
    }
    EXPECT_LE(worst, row.bound) << row.instruction;
    EXPECT_GT(worst, row.bound / 10) << row.instruction << " is better than a GPU's";
  }
}

} // namespace
} // namespace attune::emulator
