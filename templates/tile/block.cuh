// What all threads of a block do together.
#pragma once
#include <attune/arch/sm80/async.cuh>
#include <attune/tile/tiles.cuh>

namespace attune {

namespace detail {
template <class View> struct view_of;
template <class T, int Cols> struct view_of<row_view<T, Cols>> {
  static constexpr int cols = Cols;
};
template <class T, int Cols, int Group> struct view_of<packed_row_view<T, Cols, Group>> {
  static constexpr int cols = Cols;
};
} // namespace detail

template <int Warps> struct thread_block {
  static constexpr int threads = Warps * 32;

  // bar.sync 0;
  static ATTUNE_DEVICE void sync() { asm volatile("bar.sync 0;" ::: "memory"); }

  /// Starts the copy of rows [first, first + Rows) into `dst`. Rows at `limit` and beyond, and columns beyond the head dim,
  /// become zero.
  template <class T, int Rows, int Cols, class View>
  static ATTUNE_DEVICE void load_async(st<T, Rows, Cols>& dst, const View& src, int first, int limit) {
    copy_tile(dst, [&](unsigned shared, int row, int column, bool inside) {
      const bool valid = inside && first + row < limit;
      cp_async::copy_or_zero(shared, src(valid ? first + row : 0) + column, valid);
    }, detail::view_of<View>::cols);
  }

  /// The same for rows that are all there.
  template <class T, int Rows, int Cols, class View>
  static ATTUNE_DEVICE void load_async(st<T, Rows, Cols>& dst, const View& src, int first) {
    copy_tile(dst, [&](unsigned shared, int row, int column, bool inside) {
      if (Cols == detail::view_of<View>::cols)
        cp_async::copy(shared, src(first + row) + column);
      else
        cp_async::copy_or_zero(shared, src(first + row) + (inside ? column : 0), inside);
    }, detail::view_of<View>::cols);
  }

  /// Writes rows [first, limit) of the tile, 16 bytes per thread.
  template <class View, class T, int Rows, int Cols>
  static ATTUNE_DEVICE void store(const View& dst, const st<T, Rows, Cols>& src, int first, int limit) {
    constexpr int chunks = detail::view_of<View>::cols / 8;
    for (int i = threadIdx.x; i < Rows * chunks; i += threads) {
      const int row = i / chunks, chunk = i % chunks;
      if (first + row < limit)
        *reinterpret_cast<int4*>(dst(first + row) + chunk * 8) =
            *reinterpret_cast<const int4*>(src.bytes + src.offset(row, chunk / 2, chunk % 2));
    }
  }

private:
  /// Calls copy(address, row, column, inside) for each 16-byte chunk of the tile, neighbours in a row to neighbour threads.
  template <class Tile, class Copy> static ATTUNE_DEVICE void copy_tile(Tile& dst, const Copy& copy, int head_dim) {
    constexpr int chunks = Tile::cols / 8, total = Tile::rows * chunks;
#pragma unroll
    for (int i = 0; i < (total + threads - 1) / threads; ++i) {
      const int at = i * threads + threadIdx.x;
      if (total % threads == 0 || at < total) {
        const int row = at / chunks, chunk = at % chunks;
        copy(dst.address(row, chunk / 2, chunk % 2), row, chunk * 8, chunk * 8 < head_dim);
      }
    }
  }
};

} // namespace attune
