// What all threads of a block do together.
#pragma once
#include <attune/arch/sm80/async.cuh>
#include <attune/arch/sm80/math.cuh>
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
    const unsigned base = dst.address();
    each_chunk(dst, src, first, [&](int offset, const T* from, int row, bool inside) {
      cp_async::copy_or_zero(base + offset, from, inside && first + row < limit);
    });
  }

  /// The same for rows that are all there.
  template <class T, int Rows, int Cols, class View>
  static ATTUNE_DEVICE void load_async(st<T, Rows, Cols>& dst, const View& src, int first) {
    const unsigned base = dst.address();
    each_chunk(dst, src, first, [&](int offset, const T* from, int, bool inside) {
      if (Cols == View::cols)
        cp_async::copy(base + offset, from);
      else
        cp_async::copy_or_zero(base + offset, from, inside);
    });
  }

  /// Writes rows [first, limit) of the tile, 16 bytes per thread.
  template <class View, class T, int Rows, int Cols>
  static ATTUNE_DEVICE void store(const View& dst, const st<T, Rows, Cols>& src, int first, int limit) {
    each_chunk(src, dst, first, [&](int offset, T* to, int row, bool inside) {
      if (inside && first + row < limit)
        *reinterpret_cast<int4*>(to) = *reinterpret_cast<const int4*>(src.bytes + offset);
    });
  }

  /// Clamps NaN and infinities to finite values in the chunks that this thread has copied, and remembers in `found`
  /// that there were any: a hidden key has weight 0, but 0 times NaN is NaN. Belongs between the wait for the copy and
  /// the barrier after it.
  template <class T, int Rows, int Cols>
  static ATTUNE_DEVICE void make_finite(st<T, Rows, Cols>& tile, bool& found) {
    using Tile = st<T, Rows, Cols>;
    make_panels_finite<8, 0, Tile::wide>(tile, found);
    make_panels_finite<4, Tile::wide, Tile::middle>(tile, found);
    make_panels_finite<2, Tile::middle, Tile::blocks>(tile, found);
  }

  /// If make_finite found any: o += V, in global memory, for the NaN and infinite values of keys [first_key, last_key),
  /// where one of the rows [first, last), which the block has just stored, sees the key.
  template <class Out, class View, class Visible>
  static ATTUNE_DEVICE void add_nonfinite(const Out& o, bool found, const View& v, int first_key, int last_key,
                                          int first, int last, const Visible& visible) {
    if (!__syncthreads_or(found))
      return;
#pragma unroll 1
    for (int column = threadIdx.x; column < View::cols; column += threads)
#pragma unroll 1
      for (int key = first_key; key < last_key; ++key) {
        const float value = nonfinite(v(key)[column]);
        if (value != 0)
#pragma unroll 1
          for (int row = first; row < last; ++row)
            if (visible(row, Key{key, 0}))
              add(o(row)[column], value);
      }
  }

private:
  /// Calls visit(byte offset in the tile, place in global memory, row, column is within the head dim) for each 16-byte
  /// chunk that is this thread's.
  template <class T, int Rows, int Cols, class View, class Visit>
  static ATTUNE_DEVICE void each_chunk(const st<T, Rows, Cols>&, const View& view, int first, const Visit& visit) {
    using Tile = st<T, Rows, Cols>;
    each_in_panels<8, 0, Tile::wide, Tile>(view, first, visit);
    each_in_panels<4, Tile::wide, Tile::middle, Tile>(view, first, visit);
    each_in_panels<2, Tile::middle, Tile::blocks, Tile>(view, first, visit);
  }

  /// The chunks in blocks [Begin, End), whose panels have Chunks chunks in a row. Eight neighbouring lanes stay in one
  /// panel, so their 128 bytes meet no bank twice. One pointer walks down the rows: as many as there are passes would
  /// take the registers of the accumulators.
  template <int Chunks, int Begin, int End, class Tile, class View, class Visit>
  static ATTUNE_DEVICE void each_in_panels(const View& view, int first, const Visit& visit) {
    if (Begin == End)
      return;
    constexpr int step = threads / Chunks; // rows in a pass
    const int row = threadIdx.x / Chunks, chunk = threadIdx.x % Chunks;
    auto place = view(first + row) + Begin * 16 + chunk * 8;
#pragma unroll
    for (int down = 0; down < Tile::rows; down += step) {
      if (Tile::rows % step == 0 || row + down < Tile::rows)
#pragma unroll
        for (int k = Begin; k < End; k += Chunks / 2)
          visit(Tile::panel_offset(k) + Tile::template in_panel<Chunks>(row + down, chunk), place + (k - Begin) * 16,
                row + down, k * 16 + chunk * 8 < View::cols);
      if (down + step < Tile::rows)
        place = view.down(place, first + row + down, step);
    }
  }

  template <int Chunks, int Begin, int End, class T, int Rows, int Cols>
  static ATTUNE_DEVICE void make_panels_finite(st<T, Rows, Cols>& tile, bool& found) {
#pragma unroll 1
    for (int row = threadIdx.x / Chunks; row < Rows; row += threads / Chunks)
#pragma unroll 1
      for (int k = Begin; k < End; k += Chunks / 2) {
        const int offset = tile.panel_offset(k) + tile.template in_panel<Chunks>(row, threadIdx.x % Chunks);
        int4& chunk = *reinterpret_cast<int4*>(tile.bytes + offset);
        const int4 a = chunk;
        unsigned sum = 0; // of 0 a: NaN once there was a NaN or an infinity
        sum = add_times_zero(sum, a.x, T());
        sum = add_times_zero(sum, a.y, T());
        sum = add_times_zero(sum, a.z, T());
        sum = add_times_zero(sum, a.w, T());
        if (sum != 0) {
          chunk =
              make_int4(clamp_finite(a.x, T()), clamp_finite(a.y, T()), clamp_finite(a.z, T()), clamp_finite(a.w, T()));
          found = true;
        }
      }
  }
};

} // namespace attune
