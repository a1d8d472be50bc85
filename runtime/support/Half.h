#pragma once

#include "attune/compiler/Spec.h"

#include <bit>
#include <cstdint>

// 16-bit floats on the host, round to nearest even. The one place for what is not a kernel.

namespace attune {

inline float fromBf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

inline std::uint16_t toBf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<std::uint16_t>(bits >> 16 | 0x40); // quiet, so that the payload's loss can't make it an infinity
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float fromF16(std::uint16_t bits) {
  // scale the exponent by a multiplication, so that subnormals come out right
  const std::uint32_t magnitude = (bits & 0x7fffu) << 13;
  const float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  const std::uint32_t special =
      (bits & 0x7c00) == 0x7c00 ? 0x7f800000u | magnitude : std::bit_cast<std::uint32_t>(scaled);
  return std::bit_cast<float>(special | (bits & 0x8000u) << 16);
}

inline std::uint16_t toF16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return static_cast<std::uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x477ff000) // rounds beyond 65504
    return static_cast<std::uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) { // subnormal: let the adder round, in units of 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rebias = magnitude - 0x38000000;
  return static_cast<std::uint16_t>(sign | (rebias + 0xfff + (rebias >> 13 & 1)) >> 13);
}

inline float fromHalf(DType dtype, std::uint16_t bits) { return dtype == DType::BF16 ? fromBf16(bits) : fromF16(bits); }
inline std::uint16_t toHalf(DType dtype, float value) { return dtype == DType::BF16 ? toBf16(value) : toF16(value); }
inline float roundToHalf(DType dtype, float value) { return fromHalf(dtype, toHalf(dtype, value)); }

} // namespace attune
