// Matrix products and register tiles of one warp. Destination first; mm_ starts from zero, mma_ accumulates; ABt is A
// times B transposed.
#pragma once
#include <attune/arch/sm80/math.cuh>
#include <attune/arch/sm80/matrix.cuh>
#include <attune/tile/tiles.cuh>

namespace attune::warp {

ATTUNE_DEVICE int index() { return threadIdx.x / 32; }
ATTUNE_DEVICE int lane() { return threadIdx.x % 32; }

/// scores = A B^T for the warp's rows of A (warp w owns rows [w M, (w + 1) M)): every key against the warp's queries.
template <class T, int M, int N, int Rows, int Cols>
ATTUNE_DEVICE void mm_ABt(rt<float, M, N>& d, const st<T, Rows, Cols>& a, const st<T, N, Cols>& b) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int n = 0; n < N / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        d.data[m][n][i] = 0;

  const int a_row = index() * M + lane() % 16, a_half = lane() / 16;
  const int b_row = lane() % 8 + lane() / 16 * 8, b_half = lane() / 8 % 2;
#pragma unroll
  for (int k = 0; k < Cols / 16; ++k) {
    unsigned a_fragment[M / 16][4];
#pragma unroll
    for (int m = 0; m < M / 16; ++m)
      sm80::ldmatrix_x4(a_fragment[m], a.address(a_row + m * 16, k, a_half));
#pragma unroll
    for (int n = 0; n < N / 16; ++n) {
      unsigned b_fragment[4];
      sm80::ldmatrix_x4(b_fragment, b.address(b_row + n * 16, k, b_half));
#pragma unroll
      for (int m = 0; m < M / 16; ++m) {
        sm80::mma(d.data[m][2 * n], a_fragment[m], b_fragment[0], b_fragment[1], T());
        sm80::mma(d.data[m][2 * n + 1], a_fragment[m], b_fragment[2], b_fragment[3], T());
      }
    }
  }
}

namespace detail {
/// Calls use(k, n, fragment) for each 16 x 16 block of B: fragment holds the operands of columns 16 n .. 16 n + 7 and +
/// 8 .. + 15.
template <class T, int K, int Cols, class Use>
ATTUNE_DEVICE void each_B(const st<T, K, Cols>& b, const Use& use) {
  const int row = lane() % 16, half = lane() / 16;
#pragma unroll
  for (int k = 0; k < K / 16; ++k)
#pragma unroll
    for (int n = 0; n < Cols / 16; ++n) {
      unsigned fragment[4];
      sm80::ldmatrix_x4_trans(fragment, b.address(row + k * 16, n, half));
      use(k, n, fragment);
    }
}

/// d += A B for one 16 x 16 block of B. d has a multiple of 8 columns, so the last block may be half used.
template <class T, int M, int N, int K>
ATTUNE_DEVICE void mma_block(rt<float, M, N>& d, const rt<T, M, K>& a, int k, int n, const unsigned (&b)[4]) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m) {
    sm80::mma(d.data[m][2 * n], a.data[m][k], b[0], b[1], T());
    if (2 * n + 1 < N / 8)
      sm80::mma(d.data[m][2 * n + 1], a.data[m][k], b[2], b[3], T());
  }
}

/// 1.0 in either half of the pair where test(bits) holds, else 0.
template <class T, class Test>
ATTUNE_DEVICE unsigned indicator(unsigned pair, const Test& test) {
  return (test(pair & 0xffffu) ? encoding<T>::one : 0u) | (test(pair >> 16) ? encoding<T>::one << 16 : 0u);
}

/// What clamping took from out += P V: +inf, -inf or NaN where a row has weight on a key whose V is that. Rare, so it
/// is one loop of small code: counts by matrix products of indicators, (P != 0) times (V is +inf or NaN), and the same
/// for -inf.
template <class T, int M, int N, int K, int Cols>
ATTUNE_DEVICE void add_nonfinite(rt<float, M, N>& d, const rt<T, M, K>& a, const st<T, K, Cols>& b) {
  constexpr unsigned inf = encoding<T>::infinity;
  rt<T, M, K> weighted;
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int k = 0; k < K / 16; ++k)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        weighted.data[m][k][i] = indicator<T>(a.data[m][k][i], [](unsigned bits) { return bits != 0; });
#pragma unroll 1
  for (int n = 0; n < (N + 15) / 16; ++n) {
    rt<float, M, 16> positive = {}, negative = {};
#pragma unroll
    for (int k = 0; k < K / 16; ++k) {
      unsigned v[4], is_positive[4], is_negative[4];
      sm80::ldmatrix_x4_trans(v, b.address(lane() % 16 + k * 16, n, lane() / 16));
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        is_positive[i] = indicator<T>(v[i], [](unsigned bits) { return bits == inf || (bits & 0x7fffu) > inf; });
        is_negative[i] =
            indicator<T>(v[i], [](unsigned bits) { return bits == (inf | 0x8000u) || (bits & 0x7fffu) > inf; });
      }
      mma_block(positive, weighted, k, 0, is_positive);
      mma_block(negative, weighted, k, 0, is_negative);
    }
#pragma unroll
    for (int at = 0; at < N / 8; ++at) // registers have no index at run time
      if (at / 2 == n)
#pragma unroll
        for (int m = 0; m < M / 16; ++m)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            if (positive.data[m][at % 2][i] > 0)
              d.data[m][at][i] += infinity();
            if (negative.data[m][at % 2][i] > 0)
              d.data[m][at][i] -= infinity();
          }
  }
}
} // namespace detail

/// out += P V.
template <class T, int M, int N, int K, int Cols>
ATTUNE_DEVICE void mma_AB(rt<float, M, N>& d, const rt<T, M, K>& a, const st<T, K, Cols>& b) {
  detail::each_B(b, [&](int k, int n, unsigned (&fragment)[4]) { detail::mma_block(d, a, k, n, fragment); });
}

/// out += P V where the mask hides some keys: a hidden one has weight 0, and must add 0 even if its V is NaN or
/// infinite. So V is clamped to finite values; if that changed anything, rows that do see those keys get their NaN or
/// infinity after all.
template <class T, int M, int N, int K, int Cols>
ATTUNE_DEVICE void mma_AB_masked(rt<float, M, N>& d, const rt<T, M, K>& a, const st<T, K, Cols>& b) {
  unsigned changed = 0;
  detail::each_B(b, [&](int k, int n, unsigned (&fragment)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const unsigned finite = clamp_finite(fragment[i], T());
      changed |= fragment[i] ^ finite;
      fragment[i] = finite;
    }
    detail::mma_block(d, a, k, n, fragment);
  });
  if (__any_sync(~0u, changed != 0))
    detail::add_nonfinite(d, a, b);
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
