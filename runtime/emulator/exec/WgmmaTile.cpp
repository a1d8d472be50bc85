#include "runtime/emulator/exec/WgmmaTile.h"

#include "runtime/emulator/exec/EightBits.h"
#include "runtime/emulator/exec/Fragments.h"

namespace attune::emulator::exec {

namespace {

/// Eight elements from `raw`.
struct FromBfloat {
  static constexpr std::uint32_t bytes = 2;
  Floats operator()(const std::byte* raw) const { return widened(loadVector<Row>(raw), Bfloat{}); }
};
struct FromHalf {
  static constexpr std::uint32_t bytes = 2;
  Floats operator()(const std::byte* raw) const { return widened(loadVector<Row>(raw), Half{}); }
};
struct FromTf32 {
  static constexpr std::uint32_t bytes = 4;
  Floats operator()(const std::byte* raw) const {
    return std::bit_cast<Floats>(loadVector<Words>(raw) & 0xffffe000u); // the low 13 bits are not read
  }
};
struct FromTable {
  static constexpr std::uint32_t bytes = 1;
  const std::array<float, 256>& values;
  Floats operator()(const std::byte* raw) const {
    Floats wide;
    for (unsigned i = 0; i < 8; ++i)
      wide[i] = values[std::to_integer<std::uint8_t>(raw[i])];
    return wide;
  }
};

/// rows[0..8) of eight each become their transposition.
void transpose(Floats (&rows)[8]) {
  Floats two[8], four[8];
  for (unsigned i = 0; i < 8; i += 2) {
    two[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    two[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (unsigned i = 0; i < 8; i += 4)
    for (unsigned j = 0; j < 2; ++j) {
      four[i + 2 * j] = __builtin_shufflevector(two[i + j], two[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      four[i + 2 * j + 1] = __builtin_shufflevector(two[i + j], two[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (unsigned i = 0; i < 4; ++i) {
    rows[i] = __builtin_shufflevector(four[i], four[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[i + 4] = __builtin_shufflevector(four[i], four[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

template <class From>
void widenAll(From from, const std::byte* raw, std::size_t rows, float* wide) {
  const std::size_t k = 32 / From::bytes;
  for (std::size_t i = 0; i < rows * k; i += 8) {
    const Floats values = from(raw + i * From::bytes);
    std::memcpy(wide + i, &values, sizeof(values));
  }
}

template <class From>
void widenAcross(From from, const std::byte* raw, std::size_t rows, float* wide) {
  const std::size_t k = 32 / From::bytes;
  for (std::size_t first = 0; first < rows; first += 8)
    for (std::size_t column = 0; column < k; column += 8) {
      Floats block[8];
      for (std::size_t i = 0; i < 8; ++i)
        block[i] = from(raw + (first + i) * 32 + column * From::bytes);
      transpose(block);
      for (std::size_t i = 0; i < 8; ++i)
        std::memcpy(wide + (column + i) * rows + first, &block[i], sizeof(block[i]));
    }
}

template <class F>
void withElement(WgmmaElement element, F f) {
  switch (element) {
  case WgmmaElement::Bfloat:
    return f(FromBfloat{});
  case WgmmaElement::Half:
    return f(FromHalf{});
  case WgmmaElement::Tf32:
    return f(FromTf32{});
  case WgmmaElement::E4m3:
    return f(FromTable{eightBitValues(false)});
  case WgmmaElement::E5m2:
    return f(FromTable{eightBitValues(true)});
  }
}

/// Four rows and 8 Vectors columns of the sums stay in registers while k runs.
template <unsigned Vectors>
void multiplyBlock(float* sums, const float* a, const float* b, std::size_t n, std::size_t k, bool accumulates) {
  Floats sum[4][Vectors];
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t v = 0; v < Vectors; ++v)
      sum[row][v] = accumulates ? loadVector<Floats>(sums + row * n + 8 * v) : Floats{};
  for (std::size_t i = 0; i < k; ++i) {
    Floats column[Vectors];
    for (std::size_t v = 0; v < Vectors; ++v)
      column[v] = loadVector<Floats>(b + i * n + 8 * v);
    for (std::size_t row = 0; row < 4; ++row) {
      const float factor = a[row * k + i];
      const Floats factors = {factor, factor, factor, factor, factor, factor, factor, factor};
      for (std::size_t v = 0; v < Vectors; ++v) {
#ifdef __FMA__
        sum[row][v] = _mm256_fmadd_ps(factors, column[v], sum[row][v]);
#else
        for (unsigned j = 0; j < 8; ++j)
          sum[row][v][j] = std::fma(factor, column[v][j], sum[row][v][j]);
#endif
      }
    }
  }
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t v = 0; v < Vectors; ++v)
      std::memcpy(sums + row * n + 8 * v, &sum[row][v], sizeof(Floats));
}

} // namespace

void widenRows(WgmmaElement element, const std::byte* raw, std::size_t rows, float* wide) {
  withElement(element, [&](auto from) { widenAll(from, raw, rows, wide); });
}

void widenTransposed(WgmmaElement element, const std::byte* raw, std::size_t rows, float* wide) {
  withElement(element, [&](auto from) { widenAcross(from, raw, rows, wide); });
}

void multiplyTiles(float* sums, const float* a, const float* b, std::size_t n, std::size_t k, bool accumulates) {
  std::size_t column = 0;
  for (; column + 16 <= n; column += 16)
    for (std::size_t row = 0; row < 64; row += 4)
      multiplyBlock<2>(sums + row * n + column, a + row * k, b + column, n, k, accumulates);
  for (; column < n; column += 8)
    for (std::size_t row = 0; row < 64; row += 4)
      multiplyBlock<1>(sums + row * n + column, a + row * k, b + column, n, k, accumulates);
}

void roundToHalf(float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    values[i] = toFloat(toHalf(values[i]));
}

void truncateTo13Bits(float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    values[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(values[i]) & ~((1u << 10) - 1));
}

} // namespace attune::emulator::exec
