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
/// 16- and 8-bit T: A operands, fragments of 16 rows x 32 bytes.
template <class T, int Rows, int Cols>
struct rt {
  static constexpr int rows = Rows, cols = Cols;
  unsigned data[Rows / 16][Cols * sizeof(T) / 32][4];
};

/// One float per row of an accumulator tile, held by the four lanes that share the row.
template <int Rows>
struct rv {
  float data[Rows / 16][2];
};

/// A tile in shared memory, Rows x Cols. A row is whole blocks of 32 bytes, a k step of the matrix products. Blocks lie
/// in panels 4 wide, then one of 2 and one of 1 as needed, so any head dim fits without padding to a power of two.
/// Within a panel the 16-byte chunk index is XORed with the row as TMA's 128-, 64- and 32-byte swizzles do: eight
/// consecutive rows of one chunk column, which is what ldmatrix reads, touch all 32 banks once, and so do eight
/// neighbouring chunks of a panel in row order, which is what eight lanes of cp.async write.
///
/// Columns are counted in blocks, k = 0 .. blocks - 1. A block lies in one panel; which one is decided by k, a constant
/// in unrolled loops.
template <class T, int Rows, int Cols>
struct alignas(128) st {
  static constexpr int block = 32 / sizeof(T); ///< columns in 32 bytes
  static_assert(Cols % block == 0 && Rows % 16 == 0);
  using type = T;
  static constexpr int rows = Rows, cols = Cols, blocks = Cols / block;
  /// The blocks in a row of its panels, where all panels are alike, as wgmma and tensor maps need them; else 0. Where
  /// 4 and 2 do not divide, 16-bit tiles mix panels, for mma.sync; tiles of 8 bits are for wgmma alone.
  static constexpr int per_panel = blocks % 4 == 0 ? 4 : blocks % 2 == 0 ? 2 : sizeof(T) == 1 ? 1 : 0;
  static constexpr int panel = per_panel * block; ///< the same in columns
  /// Blocks below it are in panels of 4, 8 chunks.
  static constexpr int wide = per_panel == 2 || per_panel == 1 ? 0 : blocks / 4 * 4;
  /// And below it in panels of 2, 4 chunks.
  static constexpr int middle = per_panel == 2 ? blocks : per_panel == 1 ? 0 : wide + (blocks % 4 >= 2) * 2;

  unsigned char bytes[Rows * Cols * sizeof(T)];

  /// Byte offset of the panel that block k lies in.
  static ATTUNE_DEVICE int panel_offset(int k) {
    return Rows * 32 * (k < wide ? k / 4 * 4 : k < middle ? wide + (k - wide) / 2 * 2 : k);
  }
  /// Byte offset of a chunk within a panel that has Chunks chunks in a row.
  template <int Chunks>
  static ATTUNE_DEVICE int in_panel(int row, int chunk) {
    return row * (Chunks * 16) + (chunk ^ (row / (8 / Chunks) % Chunks)) * 16;
  }
  /// Byte offset of the 16 bytes that are half 0 or 1 of block k.
  static ATTUNE_DEVICE int offset(int row, int k, int half) {
    if (k < wide)
      return panel_offset(k) + in_panel<8>(row, k % 4 * 2 + half);
    if (k < middle)
      return panel_offset(k) + in_panel<4>(row, (k - wide) % 2 * 2 + half);
    return panel_offset(k) + in_panel<2>(row, half);
  }

  ATTUNE_DEVICE unsigned address() const { return static_cast<unsigned>(__cvta_generic_to_shared(bytes)); }
  ATTUNE_DEVICE unsigned address(int row, int k, int half) const { return address() + offset(row, k, half); }
};

/// What one lane of ldmatrix reads: `half` of each block, in `row` and in rows a multiple of 8 below it. The address of
/// block 0 is computed; those of other blocks differ from it by bits that a XOR flips, for panels are aligned.
template <class Tile>
struct lane_chunks {
  unsigned wide, middle, narrow; ///< addresses in the first block of each kind of panel

  ATTUNE_DEVICE lane_chunks(const Tile& tile, int row, int half)
      : wide(tile.address(row, 0, half)), middle(tile.address(row, Tile::wide, half)),
        narrow(tile.address(row, Tile::middle, half)) {}

  ATTUNE_DEVICE unsigned address(int k, int down) const {
    if (k < Tile::wide)
      return (wide ^ k % 4 * 32) + Tile::panel_offset(k) + down * 128;
    if (k < Tile::middle)
      return (middle ^ (k - Tile::wide) % 2 * 32) + (k - Tile::wide) / 2 * (Tile::rows * 64) + down * 64;
    return narrow + down * 32;
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
  using type = T;
  static constexpr int cols = Cols;
  T* data;
  long long stride;
  ATTUNE_DEVICE T* operator()(int row) const { return data + row * stride; }
  /// From a place in `row` to the same place `step` rows on.
  ATTUNE_DEVICE T* down(T* from, int, int step) const { return from + step * stride; }
};

/// The rows of all q heads of one kv head: row r is query r / Group of head r % Group in the group.
template <class T, int Cols, int Group>
struct packed_row_view {
  using type = T;
  static constexpr int cols = Cols;
  T* data;
  long long stride, head;
  ATTUNE_DEVICE T* operator()(int row) const { return data + row / Group * stride + row % Group * head; }
  ATTUNE_DEVICE T* down(T* from, int row, int step) const { return from + ((*this)(row + step) - (*this)(row)); }
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

namespace warp {
/// A number that all lanes of a converged warp hold alike; all must ask. ptxas knows that of the instruction's result,
/// and so that branches which depend on it do not part lanes, which in a loop around loops it would not.
ATTUNE_DEVICE int uniform(int x) { return __reduce_or_sync(~0u, x); }
} // namespace warp

/// Where one is in a ring of Stages slots. Each role goes round on its own, tile by tile.
template <int Stages>
struct Ring {
  int place = 0; ///< the slot of this tile
  int lap = 0;   ///< how often the ring has come round, as a parity

  /// The slot of the tile that comes `ahead` tiles after this one, up to Stages, or before it.
  ATTUNE_DEVICE int slot(int ahead = 0) const {
    if (ahead % Stages == 0)
      return place;
    if (Stages == 2)
      return 1 - place;
    const int i = place + ahead;
    return ahead < 0 ? (i < 0 ? i + Stages : i) : (i < Stages ? i : i - Stages);
  }
  /// The parity of the phase of its barriers in which this tile comes, or with 1 the next.
  ATTUNE_DEVICE int phase(int ahead = 0) const {
    return ahead == 0 ? lap : lap ^ (Stages == 2 ? place : place == Stages - 1);
  }
  ATTUNE_DEVICE Ring& operator++() {
    lap = phase(1);
    place = slot(1);
    return *this;
  }
};

} // namespace attune
