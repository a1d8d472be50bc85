#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

// 16-bit floating-point formats, by IEEE rules, round to nearest even unless said otherwise.

namespace attune::emulator {

inline float fromBf16(std::uint32_t bits) { return std::bit_cast<float>(bits << 16); }

inline std::uint32_t toBf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fff : rounded; // PTX: NaN results are canonical
}

inline float fromF16(std::uint32_t h) {
  // scale the exponent by a multiplication, so that subnormals come out right
  const std::uint32_t magnitude = (h & 0x7fff) << 13;
  const float scaled = std::bit_cast<float>(magnitude) * std::bit_cast<float>(0x77800000u); // 2^112
  const std::uint32_t special = (h & 0x7c00) == 0x7c00 ? 0x7f800000 | (h & 0x3ff) << 13 : std::bit_cast<std::uint32_t>(scaled);
  return std::bit_cast<float>(special | (h & 0x8000) << 16);
}

inline std::uint32_t toF16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return 0x7fff;
  if (magnitude >= 0x477ff000) // rounds beyond 65504
    return sign | 0x7c00;
  if (magnitude < 0x38800000) { // subnormal: let the adder round
    const float shifted = std::bit_cast<float>(magnitude) + std::bit_cast<float>(0x3f000000u); // + 0.5: units of 2^-24
    return sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u);
  }
  const std::uint32_t rebias = magnitude - 0x38000000;
  return sign | (rebias + 0xfff + (rebias >> 13 & 1)) >> 13;
}

} // namespace attune::emulator
