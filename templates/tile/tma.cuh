// Tiles by bulk copies. A tensor map holds address, strides, bounds, box and swizzle of a tensor of (batch, head, row,
// column); the host encodes it, one box is one panel of a tile. What lies beyond the bounds is read as zero, not
// written.
#pragma once
#include <attune/arch/sm90/bulk.cuh>
#include <attune/tile/barrier.cuh>
#include <attune/tile/tiles.cuh>

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

namespace tma {

/// One thread starts the copy of rows [first, first + Rows); `full` completes its phase when they are there.
template <class T, int Rows, int Cols, int Dim>
ATTUNE_DEVICE void load_async(st<T, Rows, Cols>& dst, const box_view<T, Dim>& src, int first, mbarrier& full) {
  constexpr int panel = st<T, Rows, Cols>::panel;
  sm90::mbarrier_arrive_expect_tx(full.address(), sizeof(dst.bytes));
#pragma unroll
  for (int column = 0; column < Cols; column += panel)
    sm90::bulk_load_tensor(dst.address(0, column / 16, 0), src.map, column, src.first + first, src.head, src.batch,
                           full.address());
}

} // namespace tma
} // namespace attune
