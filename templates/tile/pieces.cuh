// How the blocks of a persistent grid share the work: pieces, each one tile of rows of one head.
#pragma once
#include <attune/support/types.cuh>

namespace attune {

/// `tiles` of rows of each of `heads` (of all sequences). Every block takes one piece per round.
///
/// Heads come in sections, whose keys and values fit the L2 cache together. Within one, all heads' pieces of one tile
/// are neighbours; the longest rows go first in the last section, last in the one before it, and so on, so that pieces
/// that are near each other have about the same length, also where sections meet. Every other round is dealt in
/// reverse: then no block has the longer half of all its rounds.
struct Pieces {
  int tiles, heads, section;

  /// This block's pieces.
  ATTUNE_DEVICE int rounds() const {
    const int all = tiles * heads, blocks = gridDim.x, whole = all / blocks;
    return whole + (place(whole) < all - whole * blocks);
  }
  ATTUNE_DEVICE int tile(int round) const {
    const int down = rank(round) / heads_of(round);
    return (ceildiv(heads, section) - section_of(round)) % 2 == 1 ? tiles - 1 - down : down;
  }
  ATTUNE_DEVICE int head(int round) const { return section_of(round) * section + rank(round) % heads_of(round); }

private:
  /// Of this block's piece in its round.
  static ATTUNE_DEVICE int place(int round) { return round % 2 == 0 ? blockIdx.x : gridDim.x - 1 - blockIdx.x; }
  static ATTUNE_DEVICE int piece(int round) { return round * static_cast<int>(gridDim.x) + place(round); }
  ATTUNE_DEVICE int section_of(int round) const { return piece(round) / (section * tiles); }
  ATTUNE_DEVICE int heads_of(int round) const { return min(section, heads - section_of(round) * section); }
  /// Among the pieces of its section.
  ATTUNE_DEVICE int rank(int round) const { return piece(round) - section_of(round) * section * tiles; }
};

} // namespace attune
