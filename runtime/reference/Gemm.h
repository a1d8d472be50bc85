#pragma once

namespace attune::reference {

/// c (m x n) += a (m x k) b (k x n), all row-major with the given row strides. Sums run over k in order.
void multiplyAdd(const double* a, int a_stride, const double* b, int b_stride, double* c, int c_stride, int m, int n,
                 int k);
void multiplyAdd(const float* a, int a_stride, const float* b, int b_stride, float* c, int c_stride, int m, int n,
                 int k);

} // namespace attune::reference
