// Tiles by bulk copies. A tensor map holds address, strides, bounds, box and swizzle of a tensor of (batch, head, row,
// column); the host encodes it, one box is one panel of a tile. What lies beyond the bounds is read as zero, not
// written.
#pragma once
#include <attune/arch/sm90/bulk.cuh>
#include <attune/arch/sm90/cache.cuh>
#include <attune/arch/sm90/cluster.cuh>
#include <attune/tile/barrier.cuh>
#include <attune/tile/tiles.cuh>
#include <attune/tile/warpgroup.cuh>

namespace attune {

/// A CUtensorMap, passed by value as a __grid_constant__ parameter.
template <class T, int Cols>
struct alignas(64) tensor_map {
  unsigned char bytes[128];
};

/// The rows of one head of one sequence.
template <class T, int Cols>
struct box_view {
  const tensor_map<T, Cols>* map;
  int first, head, batch;
};

template <class T, int Cols>
ATTUNE_DEVICE box_view<T, Cols> rows(const tensor_map<T, Cols>& map, int batch, int head) {
  return {&map, 0, head, batch};
}
/// Varlen: sequences lie one behind the other, the one in question begins at row `first`.
template <class T, int Cols>
ATTUNE_DEVICE box_view<T, Cols> rows_from(const tensor_map<T, Cols>& map, int first, int head) {
  return {&map, first, head, 0};
}

/// How long the L2 cache keeps what is read.
namespace l2 {
struct policy {
  unsigned long long bits;
};
ATTUNE_DEVICE policy evict_first() { return {sm90::evict_first()}; } ///< nobody else reads it
ATTUNE_DEVICE policy evict_last() { return {sm90::evict_last()}; }   ///< many blocks read it
} // namespace l2

namespace tma {

/// One thread asks for tensor maps before they are needed.
template <class... Maps>
ATTUNE_DEVICE void prefetch(const Maps&... maps) {
  if (threadIdx.x == 0)
    (sm90::prefetch_tensor_map(&maps), ...);
}

/// One thread starts the copy of rows [first, first + Rows); `full` completes its phase when they are there.
template <class T, int Rows, int Cols, int Dim>
ATTUNE_DEVICE void load_async(st<T, Rows, Cols>& dst, const box_view<T, Dim>& src, int first, mbarrier& full,
                              l2::policy policy) {
  using Tile = st<T, Rows, Cols>;
  sm90::mbarrier_arrive_expect_tx(full.address(), sizeof(dst.bytes));
#pragma unroll
  for (int column = 0; column < Cols; column += Tile::panel)
    sm90::bulk_load_tensor(dst.address(0, column / Tile::block, 0), src.map, column, src.first + first, src.head,
                           src.batch, full.address(), policy.bits);
}

/// The same where one thread of each of the Blocks of a cluster calls it for the same rows: each copies Rows / Blocks
/// of them, which are the rows of a box, to all. `full` of each block completes its phase when the parts of all are
/// there.
template <int Blocks, class T, int Rows, int Cols, int Dim>
ATTUNE_DEVICE void multicast_async(st<T, Rows, Cols>& dst, const box_view<T, Dim>& src, int first, mbarrier& full,
                                   l2::policy policy) {
  using Tile = st<T, Rows, Cols>;
  static_assert(Rows % (8 * Blocks) == 0, "a part has whole rows of the swizzle");
  const int part = sm90::cluster_ctarank() * (Rows / Blocks);
  sm90::mbarrier_arrive_expect_tx(full.address(), sizeof(dst.bytes));
#pragma unroll
  for (int column = 0; column < Cols; column += Tile::panel)
    sm90::bulk_multicast_tensor(dst.address(part, column / Tile::block, 0), src.map, column, src.first + first + part,
                                src.head, src.batch, full.address(), (1 << Blocks) - 1, policy.bits);
}

} // namespace tma

namespace warpgroup {

/// Starts the copy of the warpgroup's rows of a tile, as its warps wrote them, to rows `first` and on of `dst`, whose
/// boxes have 64 rows. wait_for_store() before the tile is written again and before the block ends.
template <class T, int Dim, int Rows, int Cols>
ATTUNE_DEVICE void store_async(const box_view<T, Dim>& dst, const st<T, Rows, Cols>& src, int first) {
  sm90::fence_proxy_async();
  sync();
  if (threadIdx.x % 128 / 32 == 0 && sm90::elect()) {
#pragma unroll
    for (int column = 0; column < Cols; column += st<T, Rows, Cols>::panel)
      sm90::bulk_store_tensor(dst.map, column, dst.first + first + index() * 64, dst.head, dst.batch,
                              src.address(index() * 64, column / st<T, Rows, Cols>::block, 0));
    sm90::bulk_commit();
  }
}
/// Until the warpgroup's copies have read what they store.
ATTUNE_DEVICE void wait_for_store() {
  sm90::bulk_wait_read();
  sync();
}

} // namespace warpgroup
} // namespace attune
