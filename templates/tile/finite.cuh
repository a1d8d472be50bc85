// Hidden keys on Hopper: wgmma reads V from shared memory, where weight 0 times NaN would be NaN. So one warp makes V
// finite in the tiles that the mask cuts, before the consumers see them, and remembers whether there was anything to
// do. Rows that do see such a value get it back at the end.
#pragma once
#include <attune/arch/sm80/math.cuh>
#include <attune/arch/sm90/barrier.cuh>
#include <attune/arch/sm90/bulk.cuh>
#include <attune/tile/tiles.cuh>
#include <attune/tile/warp.cuh>
#include <attune/tile/warpgroup.cuh>

namespace attune::warp {

/// Clamps NaN and infinities of a tile to finite values; `found` becomes 1 if there were any, and stays so: rows of
/// later pieces are asked, too, whether they see one.
template <class T, int Rows, int Cols>
ATTUNE_DEVICE void make_finite(st<T, Rows, Cols>& tile, int& found) {
  int4* const chunks = reinterpret_cast<int4*>(tile.bytes);
  unsigned sum = 0; // of 0 x: NaN once there was a NaN or an infinity
#pragma unroll 4
  for (int i = lane(); i < Rows * Cols / 8; i += 32) {
    const int4 chunk = chunks[i];
    sum = add_times_zero(sum, chunk.x, T());
    sum = add_times_zero(sum, chunk.y, T());
    sum = add_times_zero(sum, chunk.z, T());
    sum = add_times_zero(sum, chunk.w, T());
  }
  if (__any_sync(~0u, sum != 0)) {
#pragma unroll 1
    for (int i = lane(); i < Rows * Cols / 8; i += 32) {
      int4 chunk = chunks[i];
      chunk.x = clamp_finite(chunk.x, T());
      chunk.y = clamp_finite(chunk.y, T());
      chunk.z = clamp_finite(chunk.z, T());
      chunk.w = clamp_finite(chunk.w, T());
      chunks[i] = chunk;
    }
    if (lane() == 0)
      atomicOr(&found, 1);
  }
  sm90::fence_proxy_async(); // what was written comes before wgmma's reads, what was read before the next bulk copy
  __syncwarp();
}

} // namespace attune::warp

namespace attune::warpgroup {

/// If make_finite found any: out += V, in global memory, for the NaN and infinite values of keys [first_key, last_key),
/// where a row sees the key. `out` is what the warpgroup has just stored: its 64 rows of the block's, which begin at
/// `first`.
template <class Out, class View, class Visible>
ATTUNE_DEVICE void add_nonfinite(const Out& out, int& found, const View& v, int first_key, int last_key, int first,
                                 int limit, const Visible& visible) {
  // The warpgroup decides together, for a later piece of a persistent kernel may raise the flag at any time.
  if (!sm90::barrier_or(first_warpgroup + index(), 128, warp::lane() == 0 && atomicOr(&found, 0) != 0))
    return;
  sm90::bulk_wait(); // `out` may have been stored by bulk copies
  sync();
  const int begin = first + index() * 64, end = min(begin + 64, limit);
#pragma unroll 1
  for (int column = threadIdx.x % 128; column < View::cols; column += 128)
#pragma unroll 1
    for (int key = first_key; key < last_key; ++key) {
      const float value = nonfinite(v(key)[column]);
      if (value != 0)
#pragma unroll 1
        for (int row = begin; row < end; ++row)
          if (visible(row, Key{key, 0}))
            add(out(row)[column], value);
    }
}

} // namespace attune::warpgroup
