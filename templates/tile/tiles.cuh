// The tiles that kernels are written in: rt and rv in registers, st in shared memory, gl in global memory.
#pragma once
#include <attune/support/types.cuh>

namespace attune {

/// A register tile of one warp, Rows x Cols. Rows is a multiple of 16.
///
/// float: accumulators, 16 x 8 fragments of mma.m16n8k16. Of each fragment lane l has rows l / 4 and l / 4 + 8,
/// columns 2 (l % 4) and the next: data[m][n][2 * row_half + column].
template <class T, int Rows, int Cols>
struct rt;
template <int Rows, int Cols>
struct rt<float, Rows, Cols> {
  static constexpr int rows = Rows, cols = Cols;
  float data[Rows / 16][Cols / 8][4];
};
/// 16-bit T: A operands, 16 x 16 fragments of packed pairs.
template <class T, int Rows, int Cols>
struct rt {
  static constexpr int rows = Rows, cols = Cols;
  unsigned data[Rows / 16][Cols / 16][4];
};

/// One float per row of an accumulator tile, held by the four lanes that share the row.
template <int Rows>
struct rv {
  float data[Rows / 16][2];
};

/// A tile in shared memory, Rows x Cols of 16-bit T; Cols is a multiple of 16. Columns lie in panels 64 wide, then one
/// of 32 and one of 16 as needed, so any head dim fits without padding to a power of two. Within a panel the 16-byte
/// chunk index is XORed with the row as TMA's 128-, 64- and 32-byte swizzles do: eight consecutive rows of one chunk
/// column, which is what ldmatrix reads, touch all 32 banks once, and so do the eight chunks of a row of a wide panel,
/// which is what cp.async writes.
template <class T, int Rows, int Cols>
struct alignas(128) st {
  static_assert(sizeof(T) == 2 && Cols % 16 == 0 && Rows % 16 == 0);
  using type = T;
  static constexpr int rows = Rows, cols = Cols;
  /// The width of its panels, where all have one. wgmma and tensor maps need that.
  static constexpr int panel = Cols % 64 == 0 ? 64 : Cols % 32 == 0 ? 32 : 0;

  unsigned char bytes[Rows * Cols * 2];

  /// Byte offset of the chunk of 8 elements at columns 16 * k + 8 * half. Panels are decided by k, which is a constant
  /// in unrolled loops.
  static ATTUNE_DEVICE int offset(int row, int k, int half) {
    if (panel == 32)
      return k / 2 * (Rows * 64) + row * 64 + ((k % 2 * 2 + half) ^ (row / 2 % 4)) * 16;
    constexpr int wide = Cols / 64 * 4;                  // k below it: 64-column panels
    constexpr int middle = wide + (Cols % 64 >= 32) * 2; // k below it: the 32-column panel
    if (k < wide)
      return k / 4 * (Rows * 128) + row * 128 + ((k % 4 * 2 + half) ^ (row % 8)) * 16;
    if (k < middle)
      return wide * (Rows * 32) + row * 64 + (((k - wide) * 2 + half) ^ (row / 2 % 4)) * 16;
    return middle * (Rows * 32) + row * 32 + (half ^ (row / 4 % 2)) * 16;
  }

  ATTUNE_DEVICE unsigned address(int row, int k, int half) const {
    return static_cast<unsigned>(__cvta_generic_to_shared(bytes)) + offset(row, k, half);
  }
};

/// A tensor of (batch, row, head, Cols) in global memory: strides in elements, the last dimension contiguous.
template <class T, int Cols>
struct gl {
  T* data;
  long long batch, row, head;
};

/// The rows of one head of one sequence.
template <class T, int Cols>
struct row_view {
  static constexpr int cols = Cols;
  T* data;
  long long stride;
  ATTUNE_DEVICE T* operator()(int row) const { return data + row * stride; }
  /// From a place in `row` to the same place `step` rows on.
  ATTUNE_DEVICE const T* down(const T* from, int, int step) const { return from + step * stride; }
};

/// The rows of all q heads of one kv head: row r is query r / Group of head r % Group in the group.
template <class T, int Cols, int Group>
struct packed_row_view {
  static constexpr int cols = Cols;
  T* data;
  long long stride, head;
  ATTUNE_DEVICE T* operator()(int row) const { return data + row / Group * stride + row % Group * head; }
  ATTUNE_DEVICE const T* down(const T* from, int row, int step) const {
    return from + ((*this)(row + step) - (*this)(row));
  }
};

template <class T, int Cols>
ATTUNE_DEVICE row_view<T, Cols> rows(const gl<T, Cols>& t, int batch, int head) {
  return {t.data + batch * t.batch + head * t.head, t.row};
}
/// Varlen: sequences lie one behind the other, the one in question begins at row `first`.
template <class T, int Cols>
ATTUNE_DEVICE row_view<T, Cols> rows_from(const gl<T, Cols>& t, int first, int head) {
  return {t.data + first * t.row + head * t.head, t.row};
}
template <int Group, class T, int Cols>
ATTUNE_DEVICE packed_row_view<T, Cols, Group> packed_rows(const gl<T, Cols>& t, int batch, int kv_head) {
  return {t.data + batch * t.batch + kv_head * Group * t.head, t.row, t.head};
}
template <int Group, class T, int Cols>
ATTUNE_DEVICE packed_row_view<T, Cols, Group> packed_rows_from(const gl<T, Cols>& t, int first, int kv_head) {
  return {t.data + first * t.row + kv_head * Group * t.head, t.row, t.head};
}

namespace shared {
/// The object of type T at byte `offset` of the block's dynamic shared memory.
template <class T>
ATTUNE_DEVICE T& at(int offset) {
  extern __shared__ __align__(1024) unsigned char dynamic[];
  return *reinterpret_cast<T*>(dynamic + offset);
}
} // namespace shared

/// Slots of a ring of Stages tiles, for a loop that counts down from tile `first`.
template <int Stages>
struct Ring {
  int first;
  ATTUNE_DEVICE int operator()(int j) const { return static_cast<unsigned>(first - j) % Stages; }
  /// How often the slot was used before, as a parity.
  ATTUNE_DEVICE int phase(int j) const { return static_cast<unsigned>(first - j) / Stages % 2; }
};

} // namespace attune
