#include "compiler/analysis/Classify.h"
#include "compiler/passes/AttnPasses.h"

using namespace mlir;

namespace attune::attn {

#define GEN_PASS_DEF_CLASSIFYBLOCKS
#include "compiler/passes/AttnPasses.h.inc"

namespace {

using analysis::provablyAtMost;

/// Drops expressions that never decide a minimum (or maximum) because another one is always at least as small (or
/// large).
void dropDominated(SmallVectorImpl<AffineExpr>& exprs, bool minimum) {
  for (unsigned n = 0; n < exprs.size();) {
    const bool dominated = llvm::any_of(llvm::enumerate(exprs), [&](const auto& other) {
      const AffineExpr a = other.value(), b = exprs[n];
      return other.index() != n && (minimum ? provablyAtMost(a, b) : provablyAtMost(b, a));
    });
    if (dominated)
      exprs.erase(exprs.begin() + n);
    else
      ++n;
  }
}

class ClassifyBlocksPass : public impl::ClassifyBlocksBase<ClassifyBlocksPass> {
  void runOnOperation() override {
    for (FoldOp fold : llvm::make_early_inc_range(getOperation().getBody().getOps<FoldOp>()))
      if (fold.getTiles() == Tiles::Mixed)
        rewrite(fold);
  }

  /// Operands of bounds: expressions over q_first, q_last, sq, sk.
  struct Frame {
    OpBuilder b;
    Location loc;
    Value q_first, q_last, sq, sk;

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
      if (exprs.size() == 1)
        reduce = Reduce::Only;
      StringAttr name = label.empty() ? StringAttr() : b.getStringAttr(label);
      return BoundOp::create(b, loc, b.getIndexType(), name, reduce, map, used);
    }
  };

  Frame frame(KernelOp kernel, FoldOp fold) {
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
    return {b, fold.getLoc(), q_first, q_last, sq, sk};
  }

  using Exprs = SmallVector<AffineExpr>;

  /// The outer reduction, over the sets, of the inner ones over each set's bounds.
  Value combine(Frame& f, StringRef label, Reduce outer, SmallVector<Exprs> lists) {
    const Reduce inner = outer == Reduce::Min ? Reduce::Max : Reduce::Min;
    for (Exprs& list : lists)
      dropDominated(list, inner == Reduce::Min);
    if (lists.size() == 1)
      return f.bound(label, inner, lists.front());
    Exprs exprs;
    SmallVector<Value> several;
    for (Exprs& list : lists)
      if (list.size() == 1)
        exprs.push_back(list.front());
      else
        several.push_back(f.bound("", inner, list));
    dropDominated(exprs, outer == Reduce::Min);
    for (unsigned n = 0; n < several.size(); ++n)
      exprs.push_back(getAffineDimExpr(analysis::tile_dims + n, &getContext()));
    return f.bound(label, outer, exprs, several);
  }

  void rewrite(FoldOp fold) {
    std::vector<analysis::TileBounds> sets;
    SmallVector<Attribute> live;
    for (auto set : fold.getMask()->getAsRange<IntegerSetAttr>())
      if (auto bounds = analysis::classify(set.getValue(), getOperation().getSchedule().getKvTile()); !bounds.empty) {
        sets.push_back(std::move(bounds));
        live.push_back(set);
      }
    if (sets.empty()) {
      emitRemark(fold.getLoc()) << "attn-classify-blocks: the mask hides every pair, no tile is visited";
      fold.replaceAllUsesWith(fold.getState());
      fold.erase();
      return;
    }
    Frame f = frame(getOperation(), fold);

    // of a union: from the first to the last tile of any set; full are those of the sets that are full from the first
    // tile on
    SmallVector<Exprs> begins, ends, full_ends;
    bool any_full = false;
    for (const auto& set : sets) {
      begins.push_back(set.begin);
      ends.push_back(set.end);
      if (set.never_full || (sets.size() > 1 && !set.full_begin.empty()))
        continue;
      any_full = true;
      if (!set.full_end.empty())
        full_ends.push_back(set.full_end);
    }
    const bool from_zero =
        sets.size() == 1 && begins[0].size() == 1 && begins[0][0] == getAffineConstantExpr(0, &getContext());
    Value kv_begin = combine(f, from_zero ? "" : "kv_begin", Reduce::Min, begins);
    Value kv_end = combine(f, "kv_end", Reduce::Max, ends);
    Value full_end = full_ends.empty() ? Value() : combine(f, "", Reduce::Max, full_ends);
    Value full_begin = any_full && sets.size() == 1 && !sets[0].full_begin.empty()
                           ? combine(f, "", Reduce::Min, {sets[0].full_begin})
                           : Value();
    // the last full tile is below the last tile anyway where the bounds say so, as for causal masks
    const bool below = sets.size() == 1 && llvm::any_of(sets[0].full_end, [&](AffineExpr full) {
                         return llvm::all_of(sets[0].end, [&](AffineExpr end) { return provablyAtMost(full, end); });
                       });
    emit(fold, f, live, {kv_begin, kv_end, full_begin, full_end, any_full, below});
  }

  struct Bounds {
    Value kv_begin, kv_end;
    Value full_begin, full_end; ///< null: kv_begin, kv_end
    bool any_full, full_end_below_end;
  };

  /// partial [full_end, kv_end), full [full_begin, full_end), partial [kv_begin, full_begin); absent where they cannot
  /// occur.
  void emit(FoldOp fold, Frame& f, ArrayRef<Attribute> live, const Bounds& bounds) {
    const auto [kv_begin, kv_end, full_begin, full_end, any_full, below] = bounds;
    MLIRContext* context = &getContext();
    ArrayAttr mask = maskOf(live);
    auto state = StateType::get(context);
    Value result = fold.getState();
    const auto segment = [&](Tiles tiles, Value begin, Value end) {
      result = FoldOp::create(f.b, f.loc, state, tiles, result, begin, end, tiles == Tiles::Full ? ArrayAttr() : mask);
    };
    const auto clamp = [&](StringRef label, Reduce reduce, Value a, Value b) -> Value {
      return BoundOp::create(f.b, f.loc, f.b.getIndexType(), label.empty() ? StringAttr() : f.b.getStringAttr(label),
                             reduce, AffineMap::getMultiDimIdentityMap(2, context), ValueRange{a, b});
    };
    if (!any_full) {
      segment(Tiles::Partial, kv_begin, kv_end);
    } else {
      Value top = kv_end;
      if (full_end) { // the last full tile is not beyond the last tile, and not before the first
        top = clamp("full_end", Reduce::Max, below ? full_end : clamp("", Reduce::Min, full_end, kv_end), kv_begin);
        segment(Tiles::Partial, top, kv_end);
      }
      Value bottom = kv_begin;
      if (full_begin) {
        Value begin = clamp("", Reduce::Max, full_begin, kv_begin);
        bottom = clamp("full_begin", Reduce::Min, begin, top);
      }
      segment(Tiles::Full, bottom, top);
      if (full_begin)
        segment(Tiles::Partial, kv_begin, bottom);
    }
    emitRemark(f.loc) << "attn-classify-blocks: "
                      << (any_full ? "the mask costs nothing in full tiles" : "no tile can be proven full")
                      << (full_begin ? "; tiles are cut on both sides" : "")
                      << (live.size() > 1 ? "; a union is visited from its first to its last tile" : "");
    fold.replaceAllUsesWith(result);
    fold.erase();
  }

  /// The sets, with `key < sk` where they do not imply it.
  static ArrayAttr maskOf(ArrayRef<Attribute> sets) {
    MLIRContext* context = sets.front().getContext();
    SmallVector<Attribute> result;
    for (Attribute attribute : sets) {
      const IntegerSet set = cast<IntegerSetAttr>(attribute).getValue();
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
