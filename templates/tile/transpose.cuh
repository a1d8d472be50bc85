// Products of 8-bit floats read both operands along k, and V lies with its columns along rows of memory. So warps of
// the producer transpose it, from one tile in shared memory to another (FlashAttention-3, section 3.3).
#pragma once
#include <attune/arch/sm80/matrix.cuh>
#include <attune/arch/sm90/barrier.cuh>
#include <attune/arch/sm90/float8.cuh>
#include <attune/arch/sm90/matrix.cuh>
#include <attune/tile/tiles.cuh>

namespace attune::warp {

/// Accumulators become A operands: a lane packs what it has. Of 16 keys, A wants key 4 t + 2 g + e where the lane has
/// key 8 g + 2 t + e (t = lane % 4; g, e = 0, 1): warpgroup::transpose orders the keys of V alike, so P needs no
/// shuffle.
template <int M, int N>
ATTUNE_DEVICE void convert(rt<e4m3, M, N>& d, const rt<float, M, N>& a) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int n = 0; n < N / 16; ++n)
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        const float (&left)[4] = a.data[m][2 * n], (&right)[4] = a.data[m][2 * n + 1];
        d.data[m][n / 2][n % 2 * 2 + row] =
            pack(left[2 * row], left[2 * row + 1], right[2 * row], right[2 * row + 1], e4m3());
      }
}

} // namespace attune::warp

namespace attune::warpgroup {

/// In the producer: the warps that transpose V, all but the issuer's. (The compiler knows their number.)
inline constexpr int transposers = 3;
ATTUNE_DEVICE bool is_transposer() { return threadIdx.x % 128 / 32 > 0; }

namespace detail {
/// d = a^T with the keys of each 16 in the order 0 1 8 9 2 3 10 11 .. 14 15. Clamp: NaN become finite; whether there
/// was any.
///
/// ldmatrix.trans hands lane 4 c + t the columns 2 c and 2 c + 1 of keys 2 t and 2 t + 1; two of its matrices hold 16
/// keys, of which a byte permutation makes 4 of either column, 4 lanes 16 bytes, a row of stmatrix. Rows of 8 even
/// columns would meet in half of the banks, so lanes 16 .. 31 have odd columns where the others have even ones.
template <bool Clamp, int Rows, int Cols>
ATTUNE_DEVICE bool transpose(st<e4m3, Cols, Rows>& d, const st<e4m3, Rows, Cols>& a) {
  using Source = st<e4m3, Rows, Cols>;
  using Target = st<e4m3, Cols, Rows>;
  const int lane = threadIdx.x % 32;
  const unsigned one = lane < 16 ? 0x6420 : 0x7531, other = one ^ 0x1111;
  // of stmatrix, lane names row lane % 8 of matrix lane / 8: the keys of half lane / 16, of one or the other column
  const int column = lane % 8 * 2 + ((lane / 4 ^ lane / 8) & 1);
  unsigned found = 0;
#pragma unroll 1
  for (int chunk = threadIdx.x % 128 / 32 - 1; chunk < Cols / 16; chunk += transposers) {
    const unsigned from = a.address(lane, chunk / 2, chunk % 2), to = d.address(chunk * 16 + column, 0, lane / 16);
#pragma unroll
    for (int k = 0; k < Rows / 32; ++k) {
      unsigned keys[4];
      sm80::ldmatrix_x4_trans(keys, from + k * 32 * Source::panel);
      if (Clamp)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const unsigned nan = nan_bytes(keys[i], e4m3());
          found |= nan;
          keys[i] ^= nan >> 7;
        }
      sm90::stmatrix_x4((to ^ k % Target::per_panel * 32) + Target::panel_offset(k),
                        permute_bytes(keys[0], keys[1], one), permute_bytes(keys[0], keys[1], other),
                        permute_bytes(keys[2], keys[3], one), permute_bytes(keys[2], keys[3], other));
    }
  }
  sm90::fence_proxy_async();
  return Clamp && __any_sync(~0u, found != 0);
}
} // namespace detail

/// The transposers together: v_t = V^T, in the order of keys that convert leaves P in, for matrix products to read.
/// Each warp has done its part when it returns.
template <int Rows, int Cols>
ATTUNE_DEVICE void transpose(st<e4m3, Cols, Rows>& v_t, const st<e4m3, Rows, Cols>& v) {
  detail::transpose<false>(v_t, v);
  __syncwarp();
}
/// The same where the mask hides keys, whose weight 0 times NaN would be NaN: v_t is finite, and `found` becomes 1 if V
/// was not.
template <int Rows, int Cols>
ATTUNE_DEVICE void transpose_finite(st<e4m3, Cols, Rows>& v_t, const st<e4m3, Rows, Cols>& v, int& found) {
  if (detail::transpose<true>(v_t, v) && threadIdx.x % 32 == 0)
    atomicOr(&found, 1);
  __syncwarp();
}

} // namespace attune::warpgroup
