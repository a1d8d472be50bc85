#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

// What the examples need besides Attune: bf16 on the host, random tensors, and attention as one would write it first.

namespace example {

inline float fromBf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
inline std::uint16_t toBf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16); // round to nearest even
}

inline std::vector<std::uint16_t> randomBf16(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<std::uint16_t> values(count);
  for (auto& value : values)
    value = toBf16(normal(generator));
  return values;
}

/// Rows of one head: element (row, column) is data[row * stride + column].
struct Rows {
  const std::uint16_t* data;
  std::size_t stride;
  float operator()(std::size_t row, std::size_t column) const { return fromBf16(data[row * stride + column]); }
};

/// One query against the keys [first, last).
inline std::vector<double> attend(Rows q, std::size_t query, Rows k, Rows v, std::size_t first, std::size_t last,
                                  std::size_t dim, double scale) {
  std::vector<double> out(dim), scores;
  double greatest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (std::size_t key = first; key < last; ++key) {
    double s = 0;
    for (std::size_t c = 0; c < dim; ++c)
      s += double(q(query, c)) * k(key, c);
    scores.push_back(s * scale);
    greatest = std::max(greatest, scores.back());
  }
  for (double& s : scores)
    sum += s = std::exp(s - greatest);
  for (std::size_t key = first; key < last; ++key)
    for (std::size_t c = 0; c < dim; ++c)
      out[c] += scores[key - first] / sum * v(key, c);
  return out;
}

} // namespace example
