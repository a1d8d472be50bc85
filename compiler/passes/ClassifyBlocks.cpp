#include "compiler/emit/Expression.h"
#include "compiler/passes/AttnPasses.h"
#include "compiler/passes/BoundBuilder.h"

using namespace mlir;

namespace attune::attn {

#define GEN_PASS_DEF_CLASSIFYBLOCKS
#include "compiler/passes/AttnPasses.h.inc"

namespace {

using analysis::Bound;
using analysis::Range;

class ClassifyBlocksPass : public impl::ClassifyBlocksBase<ClassifyBlocksPass> {
  void runOnOperation() override {
    for (FoldOp fold : llvm::make_early_inc_range(getOperation().getBody().getOps<FoldOp>()))
      if (fold.getTiles() == Tiles::Mixed)
        rewrite(fold);
  }

  /// The sets of a mask that see anything, and see something that no other set does.
  SmallVector<IntegerSet> liveSets(FoldOp fold, std::vector<analysis::TileBounds>& bounds) {
    SmallVector<IntegerSet> sets;
    for (auto set : fold.getMask()->getAsValueRange<IntegerSetAttr>())
      if (auto of = analysis::classify(set, getOperation().getSchedule().getKvTile()); !of.empty) {
        sets.push_back(set);
        bounds.push_back(std::move(of));
      }
    for (size_t n = 0; n < sets.size();) {
      const bool covered = llvm::any_of(llvm::enumerate(sets), [&](const auto& other) {
        return other.index() != n && analysis::provablyWithin(sets[n], other.value());
      });
      if (covered) {
        sets.erase(sets.begin() + n);
        bounds.erase(bounds.begin() + static_cast<std::ptrdiff_t>(n));
      } else {
        ++n;
      }
    }
    return sets;
  }

  void rewrite(FoldOp fold) {
    std::vector<analysis::TileBounds> of_sets;
    const SmallVector<IntegerSet> sets = liveSets(fold, of_sets);
    if (sets.empty()) {
      emitRemark(fold.getLoc()) << "attn-classify-blocks: the mask hides every pair, no tile is visited";
      fold.replaceAllUsesWith(fold.getState());
      return fold.erase();
    }
    analysis::Bounds bounds;
    const analysis::TileRanges ranges = analysis::rangesOf(of_sets, bounds);
    emit(fold, sets, ranges, bounds);
    explain(getOperation().getLoc(), sets, of_sets, ranges);
  }

  /// partial [last full range's end, end), full, partial, full, ..., partial [begin, first full range's begin): a
  /// partial range that is provably empty is absent. Tiles are numbered without the gaps.
  void emit(FoldOp fold, ArrayRef<IntegerSet> sets, const analysis::TileRanges& ranges, analysis::Bounds& bounds) {
    BoundBuilder build(getOperation(), fold, bounds);
    const auto gaps = build.skipGaps(ranges);
    const ArrayAttr mask = maskOf(sets);
    Value state = fold.getState();
    const auto segment = [&](Tiles tiles, Value begin, Value end) {
      state = FoldOp::create(build.builder, build.loc, state.getType(), tiles, state, begin, end, gaps,
                             tiles == Tiles::Full ? ArrayAttr() : mask);
    };
    for (size_t n = 0; n + 1 < ranges.full.size(); ++n) { // the lower ones before those above, which may mention them
      build.number(ranges.full[n].begin, "lower_full_begin");
      build.number(ranges.full[n].end, "lower_full_end");
    }
    Value kv_begin = build.number(ranges.visited.begin, "kv_begin");
    Value above = build.number(ranges.visited.end, "kv_end");
    Bound above_bound = ranges.visited.end;
    for (size_t n = ranges.full.size(); n-- > 0;) {
      const std::string which = n + 1 == ranges.full.size() ? "full_" : "lower_full_";
      const Range& full = ranges.full[n];
      if (!bounds.atMost(above_bound, full.end)) {
        Value end = build.number(full.end, which + "end");
        segment(Tiles::Partial, end, above);
        above = end;
      }
      const bool reaches_begin = n == 0 && bounds.atMost(full.begin, ranges.visited.begin);
      Value begin = reaches_begin ? kv_begin : build.number(full.begin, which + "begin");
      segment(Tiles::Full, begin, above);
      above = begin;
      above_bound = full.begin;
    }
    if (above != kv_begin)
      segment(Tiles::Partial, kv_begin, above);

    Value old_bounds[] = {fold.getBegin(), fold.getEnd()};
    fold.replaceAllUsesWith(state);
    fold.erase();
    build.dropUnused();
    for (Value bound : old_bounds)
      if (auto op = bound.getDefiningOp<BoundOp>(); op && op->use_empty())
        op.erase();
  }

  static void explain(Location loc, ArrayRef<IntegerSet> sets, ArrayRef<analysis::TileBounds> of_sets,
                      const analysis::TileRanges& ranges) {
    auto remark = emitRemark(loc);
    remark << "attn-classify-blocks: "
           << (ranges.full.empty() ? "no tile can be proven full" : "full tiles skip the mask");
    if (sets.size() == 1 && !of_sets[0].full_begin.empty() && !ranges.full.empty())
      remark << "; tiles are cut on both sides";
    if (!ranges.gaps.empty())
      remark << "; tiles between the sets are skipped";
    if (sets.size() > ranges.sets.size())
      remark << "; the last " << sets.size() - ranges.sets.size() + 1
             << " sets are visited from their first to their last tile";
    for (const auto& [set, bounds] : llvm::zip(sets, of_sets))
      if (bounds.never_full)
        remark << "; any tile may be cut by " << text(set, bounds.never_full);
    if (ranges.full_given_up)
      remark << "; some full tiles are treated as cut, for each range of them costs code";
  }

  /// The constraint that says expr >= 0, as the kernel's comments have it.
  static std::string text(IntegerSet set, AffineExpr expr) {
    SmallVector<AffineExpr> exprs{expr};
    SmallVector<bool> equalities{false};
    for (unsigned n = 0; n < set.getNumConstraints(); ++n)
      if (set.isEq(n) && (set.getConstraint(n) == expr || -set.getConstraint(n) == expr)) {
        exprs[0] = set.getConstraint(n);
        equalities[0] = true;
      }
    const auto alone = IntegerSetAttr::get(IntegerSet::get(2, 2, exprs, equalities));
    return emit::maskText(ArrayAttr::get(expr.getContext(), alone), {{"query", true, true}, {"key", true, true}},
                          {{"sq", true, true}, {"sk", true, true}}, 1);
  }

  /// The sets, with `key < sk` where they do not imply it.
  static ArrayAttr maskOf(ArrayRef<IntegerSet> sets) {
    MLIRContext* context = sets.front().getContext();
    SmallVector<Attribute> result;
    for (IntegerSet set : sets) {
      SmallVector<AffineExpr> exprs;
      SmallVector<bool> equalities;
      for (unsigned n = 0; n < set.getNumConstraints(); ++n)
        if (!(isa<AffineConstantExpr>(set.getConstraint(n)) &&
              cast<AffineConstantExpr>(set.getConstraint(n)).getValue() >= 0)) {
          exprs.push_back(set.getConstraint(n));
          equalities.push_back(set.isEq(n));
        }
      if (!analysis::impliesKeyExists(set)) {
        exprs.push_back(getAffineSymbolExpr(1, context) - getAffineDimExpr(1, context) - 1);
        equalities.push_back(false);
      }
      result.push_back(IntegerSetAttr::get(IntegerSet::get(2, 2, exprs, equalities)));
    }
    return ArrayAttr::get(context, result);
  }
};

} // namespace

} // namespace attune::attn
