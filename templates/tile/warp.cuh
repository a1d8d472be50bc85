// Matrix products and register tiles of one warp. Destination first; mm_ starts from zero, mma_ accumulates; ABt is A
// times B transposed.
#pragma once
#include <attune/arch/sm80/math.cuh>
#include <attune/arch/sm80/matrix.cuh>
#include <attune/tile/tiles.cuh>

namespace attune::warp {

ATTUNE_DEVICE int index() { return threadIdx.x / 32; }
ATTUNE_DEVICE int lane() { return threadIdx.x % 32; }

namespace detail {
/// One step of mm_ABt: d += A B^T over the columns of block k.
template <class T, int M, int N, class A, class B>
ATTUNE_DEVICE void mma_ABt_step(rt<float, M, N>& d, const lane_chunks<A>& a, const lane_chunks<B>& b, int k) {
  unsigned a_fragment[M / 16][4];
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
    sm80::ldmatrix_x4(a_fragment[m], a.address(k, m * 16));
#pragma unroll
  for (int n = 0; n < N / 16; ++n) {
    unsigned b_fragment[4];
    sm80::ldmatrix_x4(b_fragment, b.address(k, n * 16));
#pragma unroll
    for (int m = 0; m < M / 16; ++m) {
      sm80::mma(d.data[m][2 * n], a_fragment[m], b_fragment[0], b_fragment[1], T());
      sm80::mma(d.data[m][2 * n + 1], a_fragment[m], b_fragment[2], b_fragment[3], T());
    }
  }
}

template <int Unroll, class T, int M, int N, int Rows, int Cols>
ATTUNE_DEVICE void mma_ABt(rt<float, M, N>& d, const st<T, Rows, Cols>& a, const st<T, N, Cols>& b) {
  const lane_chunks<st<T, Rows, Cols>> a_chunks(a, index() * M + lane() % 16, lane() / 16);
  const lane_chunks<st<T, N, Cols>> b_chunks(b, lane() % 8 + lane() / 16 * 8, lane() / 8 % 2);
#pragma unroll Unroll
  for (int k = 0; k < Cols / 16; ++k)
    mma_ABt_step<T>(d, a_chunks, b_chunks, k);
}

template <int Unroll, class T, int M, int N, int Rows, int Cols>
ATTUNE_DEVICE void mm_ABt(rt<float, M, N>& d, const st<T, Rows, Cols>& a, const st<T, N, Cols>& b) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int n = 0; n < N / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        d.data[m][n][i] = 0;
  mma_ABt<Unroll>(d, a, b);
}
} // namespace detail

/// scores = A B^T for the warp's rows of A (warp w owns rows [w M, (w + 1) M)): every key against the warp's queries.
template <class T, int M, int N, int Rows, int Cols>
ATTUNE_DEVICE void mm_ABt(rt<float, M, N>& d, const st<T, Rows, Cols>& a, const st<T, N, Cols>& b) {
  detail::mm_ABt<Cols / 16>(d, a, b);
}

/// The same as a loop, for tiles that are few: a tenth of the time to compile a kernel goes into unrolling it.
template <class T, int M, int N, int Rows, int Cols>
ATTUNE_DEVICE void mm_ABt_rolled(rt<float, M, N>& d, const st<T, Rows, Cols>& a, const st<T, N, Cols>& b) {
  detail::mm_ABt<2>(d, a, b);
}

/// d += A B^T.
template <class T, int M, int N, int Rows, int Cols>
ATTUNE_DEVICE void mma_ABt(rt<float, M, N>& d, const st<T, Rows, Cols>& a, const st<T, N, Cols>& b) {
  detail::mma_ABt<Cols / 16>(d, a, b);
}

/// out += P V. d has a multiple of 8 columns, so the last block of B may be half used.
template <class T, int M, int N, int K, int Cols>
ATTUNE_DEVICE void mma_AB(rt<float, M, N>& d, const rt<T, M, K>& a, const st<T, K, Cols>& b) {
  const lane_chunks<st<T, K, Cols>> chunks(b, lane() % 16, lane() / 16);
#pragma unroll
  for (int k = 0; k < K / 16; ++k)
#pragma unroll
    for (int n = 0; n < Cols / 16; ++n) {
      unsigned fragment[4];
      sm80::ldmatrix_x4_trans(fragment, chunks.address(n, k * 16));
#pragma unroll
      for (int m = 0; m < M / 16; ++m) {
        sm80::mma(d.data[m][2 * n], a.data[m][k], fragment[0], fragment[1], T());
        if (2 * n + 1 < N / 8)
          sm80::mma(d.data[m][2 * n + 1], a.data[m][k], fragment[2], fragment[3], T());
      }
    }
}

/// Accumulators become A operands: the 16 x 8 fragments of one are the halves of the 16 x 16 fragments of the other.
template <class T, int M, int N>
ATTUNE_DEVICE void convert(rt<T, M, N>& d, const rt<float, M, N>& a) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int n = 0; n < N / 16; ++n)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int row = 0; row < 2; ++row) {
          const float (&pair)[4] = a.data[m][2 * n + half];
          d.data[m][n][2 * half + row] = pack(pair[2 * row], pair[2 * row + 1], T());
        }
}

/// d = a * v, row by row.
template <int M, int N>
ATTUNE_DEVICE void mul_row(rt<float, M, N>& d, const rt<float, M, N>& a, const rv<M>& v) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int n = 0; n < N / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        d.data[m][n][i] = a.data[m][n][i] * v.data[m][i / 2];
}

/// d = a * factor.
template <int M, int N>
ATTUNE_DEVICE void mul(rt<float, M, N>& d, const rt<float, M, N>& a, float factor) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int n = 0; n < N / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        d.data[m][n][i] = a.data[m][n][i] * factor;
}

/// The warp's rows of a shared tile, rounded to its type.
template <class T, int M, int N, int Rows, int Cols>
ATTUNE_DEVICE void store(st<T, Rows, Cols>& d, const rt<float, M, N>& a) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int n = 0; n < N / 8; ++n)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = index() * M + m * 16 + half * 8 + lane() / 4;
        *reinterpret_cast<unsigned*>(d.bytes + d.offset(row, n / 2, n % 2) + lane() % 4 * 4) =
            pack(a.data[m][n][2 * half], a.data[m][n][2 * half + 1], T());
      }
}

/// Rows [first, limit) of the block's tile straight to global memory, in fp32. A row's 8 columns are one 32-byte
/// sector.
template <class View, int M, int N>
ATTUNE_DEVICE void store(const View& d, const rt<float, M, N>& a, int first, int limit) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first + index() * M + m * 16 + half * 8 + lane() / 4;
      if (row < limit) {
        float* const to = d(row) + lane() % 4 * 2;
#pragma unroll
        for (int n = 0; n < View::cols / 8; ++n) // the tile may be padded
          *reinterpret_cast<float2*>(to + n * 8) = make_float2(a.data[m][n][2 * half], a.data[m][n][2 * half + 1]);
      }
    }
}

/// One float per row, to global memory.
template <class View, int M>
ATTUNE_DEVICE void store(const View& d, const rv<M>& a, int first, int limit) {
  if (lane() % 4 == 0)
#pragma unroll
    for (int m = 0; m < M / 16; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = first + index() * M + m * 16 + half * 8 + lane() / 4;
        if (row < limit)
          *d(row) = a.data[m][half];
      }
}

} // namespace attune::warp
