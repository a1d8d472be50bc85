// What all threads of a block do together.
#pragma once
#include <attune/arch/sm80/async.cuh>
#include <attune/tile/tiles.cuh>

namespace attune {

template <int Warps>
struct thread_block {
  static constexpr int threads = Warps * 32;

  // bar.sync 0;
  static ATTUNE_DEVICE void sync() { asm volatile("bar.sync 0;" ::: "memory"); }

  /// Starts the copy of rows [first, first + Rows) into `dst`. Rows at `limit` and beyond, and columns beyond the head
  /// dim, become zero.
  template <class T, int Rows, int Cols, class View>
  static ATTUNE_DEVICE void load_async(st<T, Rows, Cols>& dst, const View& src, int first, int limit) {
    each_chunk(dst, src, first, [&](unsigned shared, const T* from, int row, bool inside) {
      cp_async::copy_or_zero(shared, from, inside && first + row < limit);
    });
  }

  /// The same for rows that are all there.
  template <class T, int Rows, int Cols, class View>
  static ATTUNE_DEVICE void load_async(st<T, Rows, Cols>& dst, const View& src, int first) {
    each_chunk(dst, src, first, [&](unsigned shared, const T* from, int, bool inside) {
      if (Cols == View::cols)
        cp_async::copy(shared, from);
      else
        cp_async::copy_or_zero(shared, from, inside);
    });
  }

  /// Writes rows [first, limit) of the tile, 16 bytes per thread.
  template <class View, class T, int Rows, int Cols>
  static ATTUNE_DEVICE void store(const View& dst, const st<T, Rows, Cols>& src, int first, int limit) {
    constexpr int chunks = View::cols / 8;
    for (int i = threadIdx.x; i < Rows * chunks; i += threads) {
      const int row = i / chunks, chunk = i % chunks;
      if (first + row < limit)
        *reinterpret_cast<int4*>(dst(first + row) + chunk * 8) =
            *reinterpret_cast<const int4*>(src.bytes + src.offset(row, chunk / 2, chunk % 2));
    }
  }

private:
  /// Rows that the block copies at once: a power of two, so that a thread keeps its column and, from 8 on, its swizzle.
  template <int Cols>
  static constexpr int rows_per_pass = largest_power_of_two(threads / (Cols / 8));

  /// Calls copy(shared address, global address, row, column is within the head dim) for this thread's 16-byte chunks of
  /// the tile. One pointer walks down the rows: as many as there are passes would take the registers of the
  /// accumulators.
  template <class T, int Rows, int Cols, class View, class Copy>
  static ATTUNE_DEVICE void each_chunk(st<T, Rows, Cols>& dst, const View& src, int first, const Copy& copy) {
    constexpr int chunks = Cols / 8, step = rows_per_pass<Cols>;
    const int row = threadIdx.x / chunks, chunk = threadIdx.x % chunks;
    if (step * chunks < threads && row >= step)
      return;
    const T* from = src(first + row) + chunk * 8;
#pragma unroll
    for (int pass_row = 0; pass_row < Rows; pass_row += step) {
      if (Rows % step == 0 || row + pass_row < Rows)
        copy(dst.address(row + pass_row, chunk / 2, chunk % 2), from, row + pass_row, chunk * 8 < View::cols);
      from = src.down(from, first + row + pass_row, step);
    }
  }
};

} // namespace attune
