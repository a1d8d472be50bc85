#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

/// Small number formats, written so that loops over lanes vectorise.
namespace attune::emulator::exec {

struct Half {
  std::uint16_t bits;
};
struct Bfloat {
  std::uint16_t bits;
};
/// Two of them in one 32-bit register, the first in the low half.
template <class Element>
struct Pair {
  std::uint32_t bits;
};

inline float toFloat(Half h) {
  const std::uint32_t magnitude = (h.bits & 0x7fffu) << 13;
  const float scaled = std::bit_cast<float>(magnitude) * 0x1p112f; // exponent bias 15 -> 127, subnormals included
  const std::uint32_t special = magnitude >= 0x0f800000 ? magnitude | 0x7f800000 : std::bit_cast<std::uint32_t>(scaled);
  return std::bit_cast<float>(special | (h.bits & 0x8000u) << 16);
}
inline float toFloat(Bfloat b) { return std::bit_cast<float>(std::uint32_t{b.bits} << 16); }

/// Round to nearest even; overflow to infinity, NaN to the canonical 0x7fff.
inline Half toHalf(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  const std::uint32_t normal = (magnitude + 0xfff + ((magnitude >> 13) & 1) - (112u << 23)) >> 13;
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
  std::uint32_t result = magnitude < 0x38800000 ? subnormal : normal;
  result = magnitude >= 0x477ff000 ? 0x7c00 : result;
  result |= (bits >> 16) & 0x8000;
  result = magnitude > 0x7f800000 ? 0x7fff : result;
  return {static_cast<std::uint16_t>(result)};
}
inline Bfloat toBfloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return {static_cast<std::uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fff : rounded)};
}
template <class Element>
Element fromFloat(float value) {
  if constexpr (std::is_same_v<Element, Half>)
    return toHalf(value);
  else
    return toBfloat(value);
}

constexpr float canonical_nan = std::bit_cast<float>(0x7fffffffu);

/// PTX: a NaN result of f32 arithmetic is 0x7fffffff.
inline float canonical(float value) { return value != value ? canonical_nan : value; }
inline double canonical(double value) { return value; }

/// .ftz: a subnormal number becomes a zero of its sign. Formats that no .ftz flushes stay.
inline float flush(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return (bits & 0x7f800000) == 0 ? std::bit_cast<float>(bits & 0x80000000) : value;
}
inline Half flush(Half value) {
  return {static_cast<std::uint16_t>((value.bits & 0x7c00) == 0 ? value.bits & 0x8000 : value.bits)};
}
inline Bfloat flush(Bfloat value) {
  return {static_cast<std::uint16_t>((value.bits & 0x7f80) == 0 ? value.bits & 0x8000 : value.bits)};
}
template <class Element>
Pair<Element> flush(Pair<Element> value) {
  const std::uint32_t low = flush(Element{static_cast<std::uint16_t>(value.bits)}).bits;
  const std::uint32_t high = flush(Element{static_cast<std::uint16_t>(value.bits >> 16)}).bits;
  return {low | high << 16};
}
template <class T>
T flush(T value) {
  return value;
}
template <bool Ftz, class T>
T flushIf(T value) {
  if constexpr (Ftz)
    return flush(value);
  else
    return value;
}

} // namespace attune::emulator::exec
