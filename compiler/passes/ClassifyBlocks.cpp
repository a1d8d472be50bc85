#include "compiler/analysis/Ranges.h"
#include "compiler/emit/Expression.h"
#include "compiler/passes/AttnPasses.h"

#include <map>

using namespace mlir;

namespace attune::attn {

#define GEN_PASS_DEF_CLASSIFYBLOCKS
#include "compiler/passes/AttnPasses.h.inc"

namespace {

using analysis::Bound;
using analysis::Range;
using Kind = analysis::BoundNode::Kind;

class ClassifyBlocksPass : public impl::ClassifyBlocksBase<ClassifyBlocksPass> {
  void runOnOperation() override {
    for (FoldOp fold : llvm::make_early_inc_range(getOperation().getBody().getOps<FoldOp>()))
      if (fold.getTiles() == Tiles::Mixed)
        rewrite(fold);
  }

  /// Bounds as IR: operands are q_first, q_last, sq, sk. What has been made is made once.
  struct Frame {
    OpBuilder b;
    Location loc;
    Value q_first, q_last, sq, sk;
    analysis::Bounds& bounds;
    std::map<Bound, Value> made;

    Value bound(StringRef label, Reduce reduce, ArrayRef<AffineExpr> exprs, ValueRange more = {}) {
      SmallVector<Value> operands{q_first, q_last, sq, sk};
      llvm::append_range(operands, more);
      AffineMap map = AffineMap::get(static_cast<unsigned>(operands.size()), 0, exprs, b.getContext());
      // keep only the operands that the map reads
      SmallVector<Value> used;
      SmallVector<AffineExpr> dims(operands.size());
      for (unsigned n = 0; n < operands.size(); ++n)
        if (map.isFunctionOfDim(n)) {
          dims[n] = b.getAffineDimExpr(static_cast<unsigned>(used.size()));
          used.push_back(operands[n]);
        }
      map = map.replaceDimsAndSymbols(dims, {}, static_cast<unsigned>(used.size()), 0);
      StringAttr name = label.empty() ? StringAttr() : b.getStringAttr(label);
      return BoundOp::create(b, loc, b.getIndexType(), name, reduce, map, used);
    }

    Value value(Bound of, StringRef label = "") {
      Value& known = made[of];
      if (known)
        return known;
      SmallVector<AffineExpr> exprs;
      SmallVector<Value> nested;
      if (of->kind == Kind::Affine)
        exprs.push_back(of->expr);
      SmallVector<Bound> parts(of->parts.begin(), of->parts.end());
      if (llvm::any_of(parts, [&](Bound part) { return part->kind == of->kind && !made.contains(part); }))
        parts = bounds.leaves(of);
      for (Bound part : parts)
        if (part->kind == Kind::Affine) {
          exprs.push_back(part->expr);
        } else {
          exprs.push_back(b.getAffineDimExpr(analysis::tile_dims + static_cast<unsigned>(nested.size())));
          nested.push_back(value(part));
        }
      const Reduce reduce = of->kind == Kind::Affine  ? Reduce::Only
                            : of->kind == Kind::Least ? Reduce::Min
                                                      : Reduce::Max;
      if (reduce == Reduce::Only && isa<AffineConstantExpr>(of->expr))
        label = ""; // 0 says more than a name for it
      return made[of] = bound(label, reduce, exprs, nested);
    }
  };

  static Frame frame(KernelOp kernel, FoldOp fold, analysis::Bounds& bounds) {
    OpBuilder b(fold);
    const int64_t group = kernel.getRowGroup();
    Value row_begin = kernel.getBody().getArgument(0), sq = kernel.getBody().getArgument(1),
          sk = kernel.getBody().getArgument(2);
    const AffineExpr row = b.getAffineDimExpr(0), length = b.getAffineDimExpr(1);
    const auto bound = [&](StringRef label, Reduce reduce, AffineMap map, ValueRange operands) -> Value {
      return BoundOp::create(b, fold.getLoc(), b.getIndexType(), b.getStringAttr(label), reduce, map, operands);
    };
    Value q_first =
        group == 1 ? row_begin : bound("q_first", Reduce::Only, AffineMap::get(1, 0, row.floorDiv(group)), row_begin);
    const AffineExpr last = (row + (kernel.getSchedule().getQTile() - 1)).floorDiv(group);
    Value q_last =
        bound("q_last", Reduce::Min, AffineMap::get(2, 0, {last, length - 1}, b.getContext()), {row_begin, sq});
    return {b, fold.getLoc(), q_first, q_last, sq, sk, bounds};
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
    Frame f = frame(getOperation(), fold, bounds);
    const SmallVector<Value> set_bounds = nameBoundsOfSets(f, ranges);
    emit(fold, f, sets, ranges);
    for (Value bound : llvm::reverse(set_bounds))
      if (bound.use_empty())
        bound.getDefiningOp()->erase();
    explain(f.loc, sets, of_sets, ranges);
  }

  /// Where there are gaps, gaps and ranges share the bounds of the sets: begin1 is that of the mask's first set.
  static SmallVector<Value> nameBoundsOfSets(Frame& f, const analysis::TileRanges& ranges) {
    SmallVector<Value> result;
    if (ranges.gaps.empty())
      return result;
    const auto name = [&](Bound bound, const Twine& label) {
      if (bound->kind != Kind::Affine && !f.made.contains(bound))
        result.push_back(f.value(bound, label.str()));
    };
    const auto both = [&](ArrayRef<Range> of_sets, const Twine& what) {
      for (const auto& [n, range] : llvm::enumerate(of_sets)) {
        name(range.begin, what + "begin" + Twine(n + 1));
        name(range.end, what + "end" + Twine(n + 1));
      }
    };
    both(ranges.sets, "");
    for (const auto& [n, range] : llvm::enumerate(ranges.full_of_sets))
      name(range.end, "full_end" + Twine(n + 1)), name(range.begin, "full_begin" + Twine(n + 1));
    return result;
  }

  /// partial [last full range's end, end), full, partial, full, ..., partial [begin, first full range's begin): a
  /// partial range that is provably empty is absent. Tiles are numbered without the gaps.
  void emit(FoldOp fold, Frame& f, ArrayRef<IntegerSet> sets, const analysis::TileRanges& ranges) {
    const AffineExpr d0 = f.b.getAffineDimExpr(analysis::tile_dims), d1 = f.b.getAffineDimExpr(analysis::tile_dims + 1);
    const AffineExpr zero = f.b.getAffineConstantExpr(0);
    SmallVector<Value> gaps; // first tile, number of tiles
    for (const Range& gap : ranges.gaps) {
      Value begin = f.value(gap.begin, "gap_begin"), end = f.value(gap.end);
      gaps.append({begin, f.bound("gap", Reduce::Max, {d0 - d1, zero}, {end, begin})});
    }
    const auto number = [&](Bound tile, StringRef label) -> Value {
      SmallVector<size_t> moved; // by the gaps that are not provably above, the upper one first
      for (size_t n = ranges.gaps.size(); n-- > 0;)
        if (!f.bounds.atMost(tile, ranges.gaps[n].begin))
          moved.push_back(n);
      if (moved.empty())
        return f.value(tile, label);
      Value value = f.value(tile);
      for (size_t n : moved) {
        const StringRef name = n == moved.back() ? label : "";
        const bool above = f.bounds.atMost(ranges.gaps[n].end, tile);
        Value shifted = f.bound(above ? name : "", Reduce::Only, d0 - d1, {value, gaps[2 * n + 1]});
        if (!above) { // below, inside or above
          Value clamped = f.bound("", Reduce::Max, {d0, d1}, {shifted, gaps[2 * n]});
          shifted = f.bound(name, Reduce::Min, {d0, d1}, {value, clamped});
        }
        value = shifted;
      }
      return value;
    };

    const ArrayAttr mask = maskOf(sets);
    const auto state = StateType::get(&getContext());
    Value result = fold.getState();
    const auto segment = [&](Tiles tiles, Value begin, Value end) {
      result =
          FoldOp::create(f.b, f.loc, state, tiles, result, begin, end, gaps, tiles == Tiles::Full ? ArrayAttr() : mask);
    };
    for (size_t n = 0; n + 1 < ranges.full.size(); ++n) { // lower ones first: those above them mention them
      number(ranges.full[n].begin, "lower_full_begin");
      number(ranges.full[n].end, "lower_full_end");
    }
    Value kv_begin = number(ranges.visited.begin, "kv_begin");
    Value above = number(ranges.visited.end, "kv_end");
    Bound above_bound = ranges.visited.end;
    for (size_t n = ranges.full.size(); n-- > 0;) {
      const std::string which = n + 1 == ranges.full.size() ? "full_" : "lower_full_";
      const Range& full = ranges.full[n];
      if (!f.bounds.atMost(above_bound, full.end)) {
        Value end = number(full.end, which + "end");
        segment(Tiles::Partial, end, above);
        above = end;
      }
      const bool reaches_begin = n == 0 && f.bounds.atMost(full.begin, ranges.visited.begin);
      Value begin = reaches_begin ? kv_begin : number(full.begin, which + "begin");
      segment(Tiles::Full, begin, above);
      above = begin;
      above_bound = full.begin;
    }
    if (above != kv_begin)
      segment(Tiles::Partial, kv_begin, above);
    fold.replaceAllUsesWith(result);
    Value old_begin = fold.getBegin(), old_end = fold.getEnd();
    fold.erase();
    for (Value bound : {old_begin, old_end})
      if (auto op = bound.getDefiningOp<BoundOp>(); op && op->use_empty())
        op.erase();
  }

  static void explain(Location loc, ArrayRef<IntegerSet> sets, ArrayRef<analysis::TileBounds> of_sets,
                      const analysis::TileRanges& ranges) {
    auto remark = emitRemark(loc);
    remark << "attn-classify-blocks: "
           << (ranges.full.empty() ? "no tile can be proven full" : "the mask costs nothing in full tiles");
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
      remark << "; some full tiles are treated as cut, for each range of them costs two loops";
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
