#include "compiler/analysis/Ranges.h"

using namespace mlir;

namespace attune::analysis {

namespace {

/// Where no range is: [n-th end, (n + 1)-th begin) of the sorted ends and begins, unless one is provably empty.
/// `ranges` become the ranges between the gaps. Each must have begin <= end.
SmallVector<Range> unite(SmallVector<Range>& ranges, Bounds& bounds) {
  const auto begins = bounds.sorted(llvm::map_to_vector(ranges, [](const Range& range) { return range.begin; }));
  const auto ends = bounds.sorted(llvm::map_to_vector(ranges, [](const Range& range) { return range.end; }));
  SmallVector<Range> gaps;
  ranges = {{begins.front(), ends.front()}};
  for (size_t n = 1; n < begins.size(); ++n)
    if (bounds.atMost(begins[n], ends[n - 1])) {
      ranges.back().end = ends[n];
    } else {
      gaps.push_back({ends[n - 1], begins[n]});
      ranges.push_back({bounds.greatest({begins[n], ends[n - 1]}), ends[n]});
    }
  return gaps;
}

} // namespace

TileRanges rangesOf(ArrayRef<TileBounds> sets, Bounds& bounds, Limits limits) {
  const auto all = [&](ArrayRef<AffineExpr> exprs) {
    return llvm::map_to_vector(exprs, [&](AffineExpr expr) { return bounds.affine(expr); });
  };
  TileRanges result;
  SmallVector<Bound> ends;
  for (const TileBounds& set : sets) {
    const Bound begin = bounds.greatest(all(set.begin)), end = bounds.least(all(set.end));
    ends.push_back(end);
    result.sets.push_back({begin, bounds.greatest({end, begin})});
    if (set.never_full)
      continue;
    auto full_ends = all(set.full_end), full_begins = all(set.full_begin);
    full_ends.push_back(end);
    const Bound full_end = bounds.greatest({bounds.least(full_ends), begin});
    full_begins.push_back(begin);
    const Bound full_begin = bounds.least({bounds.greatest(full_begins), full_end});
    if (bounds.atMost(full_end, full_begin))
      continue; // none, whatever the lengths
    SmallVector<Range> united = result.full_of_sets;
    united.push_back({full_begin, full_end});
    unite(united, bounds);
    if (united.size() > limits.full) {
      result.full_given_up = true;
      continue;
    }
    result.full_of_sets.push_back({full_begin, full_end});
    result.full = std::move(united);
  }

  while (result.sets.size() > limits.sets) {
    const Range last = result.sets.pop_back_val();
    Range& rest = result.sets.back();
    rest = {bounds.least({rest.begin, last.begin}), bounds.greatest({rest.end, last.end})};
  }
  SmallVector<Range> visited = result.sets;
  result.gaps = unite(visited, bounds);
  result.visited = {visited.front().begin, visited.back().end};
  if (result.gaps.empty()) // then an empty set does no harm
    result.visited.end = bounds.greatest(ends);
  return result;
}

} // namespace attune::analysis
