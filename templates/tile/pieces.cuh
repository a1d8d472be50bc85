// How the blocks of a persistent grid share the work: pieces, each one tile of rows of one head.
#pragma once
#include <attune/support/types.cuh>

namespace attune {

/// `tiles` of rows of each of `heads` (of all sequences). Every block takes one piece per round.
///
/// Heads come in sections, whose keys and values fit the L2 cache together; `section` divides `heads`. Within one, all
/// heads' pieces of one tile are neighbours; the longest rows go first in the last section, last in the one before it,
/// and so on, so that pieces that are near each other have about the same length, also where sections meet. Every other
/// round is dealt in reverse: then no block has the longer half of all its rounds.
struct Pieces {
  int tiles, heads, section;

  /// Whether this block has a piece in this round.
  ATTUNE_DEVICE bool has(int round) const { return piece(round) < tiles * heads; }
  ATTUNE_DEVICE int tile(int round) const {
    const unsigned up = rank(round) % tiles;
    return section_behind(round) % 2 == 0 ? up : tiles - 1 - up;
  }
  ATTUNE_DEVICE int head(int round) const { return section_behind(round) * section + left(round) % section; }

private:
  static ATTUNE_DEVICE int piece(int round) {
    return round * gridDim.x + (round % 2 == 0 ? blockIdx.x : gridDim.x - 1 - blockIdx.x);
  }
  /// Counted from the last: the piece, its tile in all sections, its section.
  ATTUNE_DEVICE unsigned left(int round) const { return tiles * heads - 1 - piece(round); }
  ATTUNE_DEVICE unsigned rank(int round) const { return left(round) / section; }
  ATTUNE_DEVICE unsigned section_behind(int round) const { return rank(round) / tiles; }
};

} // namespace attune
