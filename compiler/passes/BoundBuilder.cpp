#include "compiler/passes/BoundBuilder.h"

using namespace mlir;

namespace attune::attn {

using analysis::Bound;
using analysis::Range;
using Kind = analysis::BoundNode::Kind;

BoundBuilder::BoundBuilder(KernelOp kernel, FoldOp fold, analysis::Bounds& bounds)
    : builder(fold), loc(fold.getLoc()), bounds_(bounds) {
  const int64_t group = kernel.getRowGroup();
  Value row_begin = kernel.getBody().getArgument(0), sq = kernel.getBody().getArgument(1),
        sk = kernel.getBody().getArgument(2);
  const AffineExpr row = builder.getAffineDimExpr(0), length = builder.getAffineDimExpr(1);
  const auto make = [&](StringRef label, Reduce reduce, AffineMap map, ValueRange operands) -> Value {
    return BoundOp::create(builder, loc, builder.getIndexType(), builder.getStringAttr(label), reduce, map, operands);
  };
  Value q_first =
      group == 1 ? row_begin : make("q_first", Reduce::Only, AffineMap::get(1, 0, row.floorDiv(group)), row_begin);
  const int64_t rows = kernel.getSchedule().getQTile() * kernel.getSchedule().getCluster();
  const AffineExpr last = (row + (rows - 1)).floorDiv(group);
  Value q_last =
      make("q_last", Reduce::Min, AffineMap::get(2, 0, {last, length - 1}, builder.getContext()), {row_begin, sq});
  tile_ = {q_first, q_last, sq, sk};
}

Value BoundBuilder::bound(StringRef label, Reduce reduce, ArrayRef<AffineExpr> exprs, ValueRange more) {
  SmallVector<Value> operands(tile_.begin(), tile_.end());
  llvm::append_range(operands, more);
  AffineMap map = AffineMap::get(static_cast<unsigned>(operands.size()), 0, exprs, builder.getContext());
  // keep only the operands that the map reads
  SmallVector<Value> used;
  SmallVector<AffineExpr> dims(operands.size());
  for (unsigned n = 0; n < operands.size(); ++n)
    if (map.isFunctionOfDim(n)) {
      dims[n] = builder.getAffineDimExpr(static_cast<unsigned>(used.size()));
      used.push_back(operands[n]);
    }
  map = map.replaceDimsAndSymbols(dims, {}, static_cast<unsigned>(used.size()), 0);
  StringAttr name = label.empty() ? StringAttr() : builder.getStringAttr(label);
  return BoundOp::create(builder, loc, builder.getIndexType(), name, reduce, map, used);
}

Value BoundBuilder::value(Bound of, StringRef label) {
  if (auto known = values_.find(of); known != values_.end())
    return known->second;
  SmallVector<AffineExpr> exprs;
  SmallVector<Value> nested;
  if (of->kind == Kind::Affine)
    exprs.push_back(of->expr);
  SmallVector<Bound> parts(of->parts.begin(), of->parts.end());
  if (llvm::any_of(parts, [&](Bound part) { return part->kind == of->kind && !values_.contains(part); }))
    parts = bounds_.leaves(of);
  for (Bound part : parts)
    if (part->kind == Kind::Affine) {
      exprs.push_back(part->expr);
    } else {
      exprs.push_back(builder.getAffineDimExpr(analysis::tile_dims + static_cast<unsigned>(nested.size())));
      nested.push_back(value(part));
    }
  const Reduce reduce = of->kind == Kind::Affine ? Reduce::Only : of->kind == Kind::Least ? Reduce::Min : Reduce::Max;
  if (reduce == Reduce::Only && isa<AffineConstantExpr>(of->expr))
    label = ""; // 0 says more than a name for it
  return values_[of] = bound(label, reduce, exprs, nested);
}

void BoundBuilder::nameSets(const analysis::TileRanges& ranges) {
  const auto name = [&](Bound bound, const Twine& label) {
    if (bound->kind != Kind::Affine && !values_.contains(bound))
      of_sets_.push_back(value(bound, label.str()));
  };
  for (const auto& [n, range] : llvm::enumerate(ranges.sets)) {
    name(range.begin, "begin" + Twine(n + 1));
    name(range.end, "end" + Twine(n + 1));
  }
  for (const auto& [n, range] : llvm::enumerate(ranges.full_of_sets)) { // the begin mentions the end
    name(range.end, "full_end" + Twine(n + 1));
    name(range.begin, "full_begin" + Twine(n + 1));
  }
}

SmallVector<Value> BoundBuilder::skipGaps(const analysis::TileRanges& ranges) {
  if (!ranges.gaps.empty())
    nameSets(ranges);
  gaps_ = ranges.gaps;
  const AffineExpr d0 = builder.getAffineDimExpr(analysis::tile_dims);
  const AffineExpr d1 = builder.getAffineDimExpr(analysis::tile_dims + 1);
  for (const Range& gap : gaps_) {
    Value begin = value(gap.begin, "gap_begin"), end = value(gap.end);
    gap_values_.append({begin, bound("gap", Reduce::Max, {d0 - d1, builder.getAffineConstantExpr(0)}, {end, begin})});
  }
  return gap_values_;
}

Value BoundBuilder::number(Bound tile, StringRef label) {
  SmallVector<size_t> moved; // by the gaps that are not provably above, the upper one first
  for (size_t n = gaps_.size(); n-- > 0;)
    if (!bounds_.atMost(tile, gaps_[n].begin))
      moved.push_back(n);
  if (moved.empty())
    return value(tile, label);
  if (auto known = numbers_.find(tile); known != numbers_.end())
    return known->second;
  const AffineExpr d0 = builder.getAffineDimExpr(analysis::tile_dims);
  const AffineExpr d1 = builder.getAffineDimExpr(analysis::tile_dims + 1);
  Value result = value(tile);
  for (size_t n : moved) {
    const StringRef name = n == moved.back() ? label : "";
    const bool above = bounds_.atMost(gaps_[n].end, tile);
    Value shifted = bound(above ? name : "", Reduce::Only, d0 - d1, {result, gap_values_[2 * n + 1]});
    if (!above) { // below, inside or above
      Value clamped = bound("", Reduce::Max, {d0, d1}, {shifted, gap_values_[2 * n]});
      shifted = bound(name, Reduce::Min, {d0, d1}, {result, clamped});
    }
    result = shifted;
  }
  return numbers_[tile] = result;
}

void BoundBuilder::dropUnused() {
  for (Value value : llvm::reverse(of_sets_))
    if (value.use_empty())
      value.getDefiningOp()->erase();
}

} // namespace attune::attn
