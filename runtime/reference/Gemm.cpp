#include "runtime/reference/Gemm.h"

namespace attune::reference {

namespace {

// 4 rows and two vectors of columns stay in registers; the compiler vectorises the inner loops.
template <class T>
[[gnu::always_inline]] inline void multiplyAddOf(const T* a, int a_stride, const T* b, int b_stride, T* c, int c_stride,
                                                 int m, int n, int k) {
  constexpr int rows = 4, columns = 64 / static_cast<int>(sizeof(T));
  for (int j = 0; j < n; j += columns) {
    const int width = n - j < columns ? n - j : columns;
    for (int i = 0; i < m; i += rows) {
      const int height = m - i < rows ? m - i : rows;
      if (width == columns && height == rows) {
        T sum[rows][columns] = {};
        for (int l = 0; l < k; ++l)
          for (int r = 0; r < rows; ++r)
            for (int s = 0; s < columns; ++s)
              sum[r][s] += a[(i + r) * a_stride + l] * b[l * static_cast<long>(b_stride) + j + s];
        for (int r = 0; r < rows; ++r)
          for (int s = 0; s < columns; ++s)
            c[(i + r) * static_cast<long>(c_stride) + j + s] += sum[r][s];
      } else {
        for (int r = 0; r < height; ++r)
          for (int s = 0; s < width; ++s) {
            T sum = 0;
            for (int l = 0; l < k; ++l)
              sum += a[(i + r) * a_stride + l] * b[l * static_cast<long>(b_stride) + j + s];
            c[(i + r) * static_cast<long>(c_stride) + j + s] += sum;
          }
      }
    }
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
