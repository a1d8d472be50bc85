#pragma once

#include "runtime/emulator/exec/Numbers.h"

#include <cstring>
#ifdef __x86_64__
#  include <immintrin.h>
#endif

/// The product behind mma.sync and wmma, on the fragments of a warp. One register of 16-bit elements of A or B, read
/// over the lanes, *is* an 8x8 matrix in row order (lane 4 r + c holds elements 2 c and 2 c + 1 of row r; the rows of B
/// are its columns). A row of C is four lanes of two registers, one of its even columns and one of its odd ones;
/// columns of b and c are kept in that order, 0 2 4 6 1 3 5 7, so that nothing has to be interleaved.
namespace attune::emulator::exec {

using Floats [[gnu::vector_size(32)]] = float;
using Words [[gnu::vector_size(32)]] = std::uint32_t;
using Quad [[gnu::vector_size(16)]] = float;
using Row [[gnu::vector_size(16)]] = std::uint16_t;

template <class Vector>
Vector loadVector(const void* from) {
  Vector value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

/// c[16][8] += a[16][K] * b[K][8] in f32.
template <unsigned K>
struct Fragments {
  alignas(32) float a[K / 8][16][8]; ///< [k / 8][row][k % 8]
  alignas(32) float b[K][8];
  alignas(32) float c[16][8];

  void multiplyAccumulate();
};

inline Words extended(Row values) {
#ifdef __AVX2__ // GCC 12 makes four instructions of the line below
  return std::bit_cast<Words>(_mm256_cvtepu16_epi32(std::bit_cast<__m128i>(values)));
#else
  return __builtin_convertvector(values, Words);
#endif
}
inline Floats widened(Row values, Bfloat) { return std::bit_cast<Floats>(extended(values) << 16); }
inline Floats widened(Row values, Half) {
#ifdef __F16C__
  return _mm256_cvtph_ps(std::bit_cast<__m128i>(values));
#else
  Floats wide;
  for (unsigned i = 0; i < 8; ++i)
    wide[i] = toFloat(Half{values[i]});
  return wide;
#endif
}

/// Transposes 8x8: three rounds of shuffling the upper half of the rows into the lower one, as with a deck of cards.
inline void transposeRows(Row (&rows)[8]) {
  for (unsigned round = 0; round < 3; ++round) {
    Row mixed[8];
    for (std::size_t i = 0; i < 4; ++i) {
      mixed[2 * i] = __builtin_shufflevector(rows[i], rows[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      mixed[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    std::memcpy(rows, mixed, sizeof(mixed));
  }
}

/// rows[0..8) = the matrix in one register.
template <class Element>
void widen(const std::uint32_t* lanes_of_register, float (*rows)[8]) {
  for (std::size_t row = 0; row < 8; ++row) {
    const Floats wide = widened(loadVector<Row>(lanes_of_register + 4 * row), Element{});
    std::memcpy(rows[row], &wide, sizeof(wide));
  }
}

/// rows[k] = element k of the eight rows of one register, even rows first.
template <class Element>
void widenAcross(const std::uint32_t* lanes_of_register, float (*rows)[8]) {
  // rows 2 i and 2 i + 1; a word holds elements 2 k and 2 k + 1
  const Words two[4] = {loadVector<Words>(lanes_of_register), loadVector<Words>(lanes_of_register + 8),
                        loadVector<Words>(lanes_of_register + 16), loadVector<Words>(lanes_of_register + 24)};
  const Words low[2] = {__builtin_shufflevector(two[0], two[1], 0, 8, 1, 9, 4, 12, 5, 13),
                        __builtin_shufflevector(two[2], two[3], 0, 8, 1, 9, 4, 12, 5, 13)};
  const Words high[2] = {__builtin_shufflevector(two[0], two[1], 2, 10, 3, 11, 6, 14, 7, 15),
                         __builtin_shufflevector(two[2], two[3], 2, 10, 3, 11, 6, 14, 7, 15)};
  const Words across[4] = {__builtin_shufflevector(low[0], low[1], 0, 1, 8, 9, 4, 5, 12, 13),
                           __builtin_shufflevector(low[0], low[1], 2, 3, 10, 11, 6, 7, 14, 15),
                           __builtin_shufflevector(high[0], high[1], 0, 1, 8, 9, 4, 5, 12, 13),
                           __builtin_shufflevector(high[0], high[1], 2, 3, 10, 11, 6, 7, 14, 15)};
  for (std::size_t i = 0; i < 4; ++i) {
    Floats even, odd;
    if constexpr (std::is_same_v<Element, Bfloat>) {
      even = std::bit_cast<Floats>(across[i] << 16);
      odd = std::bit_cast<Floats>(across[i] & 0xffff0000);
    } else {
      even = widened(__builtin_convertvector(across[i] & 0xffff, Row), Element{});
      odd = widened(__builtin_convertvector(across[i] >> 16, Row), Element{});
    }
    std::memcpy(rows[2 * i], &even, sizeof(even));
    std::memcpy(rows[2 * i + 1], &odd, sizeof(odd));
  }
}

/// Eight rows of C out of the registers of their even and odd columns.
inline void joinColumns(const float* even, const float* odd, float (*rows)[8]) {
  for (std::size_t row = 0; row < 8; ++row) {
    const Floats joined = __builtin_shufflevector(loadVector<Quad>(even + 4 * row), loadVector<Quad>(odd + 4 * row), 0,
                                                  1, 2, 3, 4, 5, 6, 7);
    std::memcpy(rows[row], &joined, sizeof(joined));
  }
}

/// The same backwards; a NaN becomes the one that PTX names.
inline void splitColumns(const float (*rows)[8], float* even, float* odd) {
  for (std::size_t row = 0; row < 8; ++row) {
    Floats sum = loadVector<Floats>(rows[row]);
    sum = sum == sum ? sum : Floats{} + canonical_nan;
    std::memcpy(even + 4 * row, &sum, 16);
    std::memcpy(odd + 4 * row, reinterpret_cast<const std::byte*>(&sum) + 16, 16);
  }
}

/// k ascending, every step fused, so rounded once per step.
template <unsigned K>
void Fragments<K>::multiplyAccumulate() {
#ifdef __FMA__
  for (unsigned row = 0; row < 16; row += 8) { // eight independent sums hide the latency of the fused operation
    __m256 sum[8];
    for (unsigned i = 0; i < 8; ++i)
      sum[i] = _mm256_load_ps(c[row + i]);
    for (unsigned half = 0; half < K / 8; ++half) {
#  pragma GCC unroll 8
      for (unsigned k = 0; k < 8; ++k) {
        const __m256 columns = _mm256_load_ps(b[8 * half + k]);
        for (unsigned i = 0; i < 8; ++i)
          sum[i] = _mm256_fmadd_ps(_mm256_broadcast_ss(&a[half][row + i][k]), columns, sum[i]);
      }
    }
    for (unsigned i = 0; i < 8; ++i)
      _mm256_store_ps(c[row + i], sum[i]);
  }
#else
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned k = 0; k < K; ++k)
      for (unsigned n = 0; n < 8; ++n)
        c[row][n] = std::fma(a[k / 8][row][k % 8], b[k][n], c[row][n]);
#endif
}

} // namespace attune::emulator::exec
