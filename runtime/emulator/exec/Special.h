#pragma once

#include "runtime/emulator/exec/Numbers.h"

/// The special-function unit. PTX bounds its error and leaves the bits open. These are as close as fp32 allows, but for
/// tanh, whose bound is so wide that results show it.
namespace attune::emulator::exec {

/// 2^x for f32 within 2 ulp: 2^round(x) times a polynomial of degree 7 for the rest (Taylor of e^(f ln 2), |f| <= 1/2).
/// Written without a call so that 32 lanes vectorise.
struct Exp2 {
  float operator()(float x) const {
    const float bounded = x > -150.0f ? (x < 129.0f ? x : 129.0f) : -150.0f; // NaN becomes -150, mended below
    const float magic = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer
    const float whole = (bounded + magic) - magic;
    const float f = bounded - whole;
    float p = 1.5252734e-5f;
    p = __builtin_fmaf(p, f, 1.5403530e-4f);
    p = __builtin_fmaf(p, f, 1.3333558e-3f);
    p = __builtin_fmaf(p, f, 9.6181291e-3f);
    p = __builtin_fmaf(p, f, 5.5504109e-2f);
    p = __builtin_fmaf(p, f, 2.4022651e-1f);
    p = __builtin_fmaf(p, f, 6.9314718e-1f);
    p = __builtin_fmaf(p, f, 1.0f);
    const int exponent = static_cast<int>(whole);
    const int half = exponent >> 1; // in two steps, so that subnormal results and 2^128 come out
    const float first = std::bit_cast<float>(static_cast<std::uint32_t>(half + 127) << 23);
    const float second = std::bit_cast<float>(static_cast<std::uint32_t>(exponent - half + 127) << 23);
    const float result = p * first * second;
    return x != x ? x : result;
  }
};
struct Log2 {
  float operator()(float x) const { return std::log2(x); }
};
struct Sine {
  float operator()(float x) const { return std::sin(x); }
};
struct Cosine {
  float operator()(float x) const { return std::cos(x); }
};
struct Tanh { // within 2^-11, and no better: 11 bits, truncated
  float operator()(float x) const {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(std::tanh(x)) & ~((1u << 12) - 1));
  }
};
struct ReciprocalRoot {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(1.0 / std::sqrt(static_cast<double>(x)));
  }
};

} // namespace attune::emulator::exec
