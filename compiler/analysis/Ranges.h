#pragma once

#include "compiler/analysis/Bound.h"
#include "compiler/analysis/Classify.h"

namespace attune::analysis {

/// Tiles [begin, end); none if end <= begin.
struct Range {
  Bound begin, end;
};

/// The key tiles of a union of sets. A tile outside `visited` or inside a gap has no visible pair; every pair of a full
/// tile is visible and exists. Gaps and full ranges are disjoint and in order, the lowest first.
struct TileRanges {
  Range visited;
  llvm::SmallVector<Range> gaps, full;
  llvm::SmallVector<Range> sets, full_of_sets; ///< what `gaps` and `full` are made of, for names
  bool full_given_up = false;                  ///< more full ranges than the limit were provable
};

/// How much of a union the text of a kernel can bear. Ranges of full tiles that are kept apart: each costs a portable
/// kernel two loops, one for Hopper a condition in each tile. Sets that are kept apart: those from this one on are
/// visited from the first to the last tile of any.
struct Limits {
  size_t full = 2, sets = 3;
};

/// From the bounds of each set.
///
/// A tile x is in no set if as many sets have ended by x as have begun, say n: so, with begins and ends sorted apart
/// from each other, the n-th gap is [n-th end, (n + 1)-th begin). That needs no order among the sets.
TileRanges rangesOf(llvm::ArrayRef<TileBounds> sets, Bounds& bounds, Limits limits = {});

} // namespace attune::analysis
