#pragma once

#include "attune/Device.h"
#include "attune/compiler/Spec.h"
#include "runtime/support/Half.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

// Elements of Q, K, V and O on the host, whatever their type.

namespace attune {

/// 4 bits of exponent, 3 of mantissa; no infinity, NaN 0x7f and 0xff.
inline float fromE4m3(std::uint8_t bits) {
  const int magnitude = bits & 0x7f, exponent = magnitude >> 3, mantissa = magnitude & 7;
  const float value = magnitude == 0x7f ? std::nanf("")
                      : exponent == 0   ? std::ldexp(static_cast<float>(mantissa), -9)
                                        : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return (bits & 0x80) != 0 ? -value : value;
}

/// Round to nearest even; beyond 448 is 448, as of cvt.rn.satfinite.
inline std::uint8_t toE4m3(float value) {
  const std::uint8_t sign = std::signbit(value) ? 0x80 : 0;
  const float magnitude = std::fabs(value);
  if (std::isnan(value))
    return 0x7f;
  if (magnitude >= 448)
    return sign | 0x7e;
  int exponent = 0; // of the least normal number and what is below it
  std::frexp(std::fmax(magnitude, 0x1p-6f), &exponent);
  const auto units =
      static_cast<int>(std::nearbyint(std::ldexp(magnitude, 4 - exponent))); // 8 .. 16, below 8 subnormal
  return static_cast<std::uint8_t>(sign | ((exponent + 5) * 8 + units));     // 16 carries into the exponent
}

constexpr Element elementOf(DType dtype) {
  return dtype == DType::E4M3 ? Element::E4M3 : dtype == DType::BF16 ? Element::BF16 : Element::F16;
}

inline float readElement(DType dtype, const std::byte* from) {
  if (dtype == DType::E4M3)
    return fromE4m3(std::to_integer<std::uint8_t>(*from));
  std::uint16_t bits = 0;
  std::memcpy(&bits, from, sizeof(bits));
  return fromHalf(dtype, bits);
}
inline void writeElement(DType dtype, std::byte* to, float value) {
  if (dtype == DType::E4M3) {
    *to = std::byte{toE4m3(value)};
    return;
  }
  const std::uint16_t bits = toHalf(dtype, value);
  std::memcpy(to, &bits, sizeof(bits));
}
inline float roundToElement(DType dtype, float value) {
  return dtype == DType::E4M3 ? fromE4m3(toE4m3(value)) : roundToHalf(dtype, value);
}

} // namespace attune
