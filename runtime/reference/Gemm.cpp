#include "runtime/reference/Gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace attune::reference {

namespace {

/// What a register holds of AVX2; where there is less, the compiler takes two.
template <class T>
using Vector [[gnu::vector_size(32)]] = T;

constexpr int tile_rows = 4, tile_vectors = 3; // the sums of a tile, of 12 of the 16 registers
template <class T>
constexpr int tile_columns = tile_vectors * 32 / static_cast<int>(sizeof(T));

/// `rows` rows of c, of which the first `width` columns are there; b is packed, a tile wide.
template <int rows, class T>
[[gnu::always_inline]] inline void multiplyTile(const T* a, int a_stride, const T* b, T* c, int c_stride, int width,
                                                int k) {
  constexpr int lanes = tile_columns<T> / tile_vectors;
  Vector<T> sums[rows][tile_vectors] = {};
  for (int l = 0; l < k; ++l) {
    Vector<T> row[tile_vectors];
#pragma GCC unroll tile_vectors
    for (int v = 0; v < tile_vectors; ++v)
      std::memcpy(&row[v], b + l * static_cast<long>(tile_columns<T>) + v * lanes, sizeof row[v]);
#pragma GCC unroll tile_rows
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll tile_vectors
      for (int v = 0; v < tile_vectors; ++v)
        sums[r][v] += a[r * static_cast<long>(a_stride) + l] * row[v];
  }
  T flat[rows][tile_columns<T>]; // an index that varies would keep the sums themselves in memory
#pragma GCC unroll tile_rows
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll tile_vectors
    for (int v = 0; v < tile_vectors; ++v) {
      const Vector<T> sum = sums[r][v];
      std::memcpy(&flat[r][v * lanes], &sum, sizeof sum);
    }
  for (int r = 0; r < rows; ++r)
    for (int s = 0; s < width; ++s)
      c[r * static_cast<long>(c_stride) + s] += flat[r][s];
}

template <class T>
[[gnu::always_inline]] inline void multiplyAddOf(const T* a, int a_stride, const T* b, int b_stride, T* c, int c_stride,
                                                 int m, int n, int k) {
  constexpr int columns = tile_columns<T>;
  std::vector<T> panel(static_cast<std::size_t>(k) * columns); // of b: its own rows would share few sets of the cache
  for (int j = 0; j < n; j += columns) {
    const int width = std::min(n - j, columns);
    for (int l = 0; l < k; ++l)
      std::copy_n(b + l * static_cast<long>(b_stride) + j, width, panel.data() + l * static_cast<long>(columns));
    int i = 0;
    for (; i + tile_rows <= m; i += tile_rows)
      multiplyTile<tile_rows>(a + i * static_cast<long>(a_stride), a_stride, panel.data(),
                              c + i * static_cast<long>(c_stride) + j, c_stride, width, k);
    for (; i < m; ++i)
      multiplyTile<1>(a + i * static_cast<long>(a_stride), a_stride, panel.data(),
                      c + i * static_cast<long>(c_stride) + j, c_stride, width, k);
  }
}

} // namespace

#ifdef __x86_64__
#  define ATTUNE_FAST [[gnu::target_clones("arch=x86-64-v3", "default")]]
#else
#  define ATTUNE_FAST
#endif

ATTUNE_FAST void multiplyAdd(const double* a, int a_stride, const double* b, int b_stride, double* c, int c_stride,
                             int m, int n, int k) {
  multiplyAddOf(a, a_stride, b, b_stride, c, c_stride, m, n, k);
}

ATTUNE_FAST void multiplyAdd(const float* a, int a_stride, const float* b, int b_stride, float* c, int c_stride, int m,
                             int n, int k) {
  multiplyAddOf(a, a_stride, b, b_stride, c, c_stride, m, n, k);
}

} // namespace attune::reference
