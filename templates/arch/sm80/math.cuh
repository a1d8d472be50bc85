// Scalar and packed arithmetic that has an instruction of its own.
#pragma once
#include <attune/support/types.cuh>

namespace attune {

// ex2.approx.ftz.f32 d, a;   2^a; 2^-inf = +0
ATTUNE_DEVICE float exp2(float a) {
  float d;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(d) : "f"(a));
  return d;
}

// lg2.approx.ftz.f32 d, a;
ATTUNE_DEVICE float log2(float a) {
  float d;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(d) : "f"(a));
  return d;
}

// rcp.approx.ftz.f32 d, a;
ATTUNE_DEVICE float reciprocal(float a) {
  float d;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(d) : "f"(a));
  return d;
}

/// tanh by 1 - 2 / (1 + e^2a): within 1e-6, where tanh.approx (5e-4) would show in LSE.
ATTUNE_DEVICE float tanh(float a) { return 1.0f - 2.0f * reciprocal(1.0f + exp2(2.0f * log2e * a)); }

/// c * tanh(score / c)
ATTUNE_DEVICE float softcap(float score, float c) { return c * tanh(score * (1.0f / c)); }

// cvt.rn.bf16x2.f32 d, high, low;
ATTUNE_DEVICE unsigned pack(float low, float high, bf16) {
  unsigned d;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  return d;
}

// cvt.rn.f16x2.f32 d, high, low;
ATTUNE_DEVICE unsigned pack(float low, float high, f16) {
  unsigned d;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  return d;
}

// max.bf16x2 d, a, -largest; min.bf16x2 d, d, largest;   NaN becomes -largest
ATTUNE_DEVICE unsigned clamp_finite(unsigned a, bf16) {
  unsigned d;
  asm("max.bf16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(0xff7fff7fu));
  asm("min.bf16x2 %0, %1, %2;" : "=r"(d) : "r"(d), "r"(0x7f7f7f7fu));
  return d;
}

// max.f16x2 d, a, -largest; min.f16x2 d, d, largest;
ATTUNE_DEVICE unsigned clamp_finite(unsigned a, f16) {
  unsigned d;
  asm("max.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(0xfbfffbffu));
  asm("min.f16x2 %0, %1, %2;" : "=r"(d) : "r"(d), "r"(0x7bff7bffu));
  return d;
}

// fma.rn.bf16x2 d, a, 0, sum;
ATTUNE_DEVICE unsigned add_times_zero(unsigned sum, unsigned a, bf16) {
  asm("fma.rn.bf16x2 %0, %1, %2, %0;" : "+r"(sum) : "r"(a), "r"(0));
  return sum;
}

// fma.rn.f16x2 d, a, 0, sum;
ATTUNE_DEVICE unsigned add_times_zero(unsigned sum, unsigned a, f16) {
  asm("fma.rn.f16x2 %0, %1, %2, %0;" : "+r"(sum) : "r"(a), "r"(0));
  return sum;
}

template <class T>
struct encoding;
template <>
struct encoding<bf16> {
  static constexpr unsigned infinity = 0x7f80, one = 0x3f80;
};
template <>
struct encoding<f16> {
  static constexpr unsigned infinity = 0x7c00, one = 0x3c00;
};

/// The value if it is NaN or infinite, else 0.
template <class T>
ATTUNE_DEVICE float nonfinite(T a) {
  constexpr unsigned infinite = encoding<T>::infinity;
  if ((a.bits & infinite) != infinite)
    return 0;
  return __int_as_float((a.bits & 0x8000u) << 16 | 0x7f800000u | (a.bits & (0x7fffu ^ infinite)));
}

/// to += infinity or NaN.
ATTUNE_DEVICE void add(float& to, float nonfinite) { to += nonfinite; }
template <class T>
ATTUNE_DEVICE void add(T& to, float infinite_or_nan) {
  to.bits = pack(nonfinite(to) + infinite_or_nan, 0, T());
}

} // namespace attune
