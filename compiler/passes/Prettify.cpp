#include "compiler/passes/TilePasses.h"

#include "mlir/IR/Iterators.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace attune::tile {

#define GEN_PASS_DEF_PRETTIFY
#include "compiler/passes/TilePasses.h.inc"

namespace {

/// Definitions that compute the same from the same values, whatever they are called.
bool equal(IndexOp a, IndexOp b) {
  return a.getMap() == b.getMap() && a.getReduce() == b.getReduce() && a.getOperands() == b.getOperands();
}

/// The constant term of a sum.
std::int64_t constantTerm(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return 0;
  if (binary.getKind() == AffineExprKind::Add)
    return constantTerm(binary.getLHS()) + constantTerm(binary.getRHS());
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && factor ? constantTerm(binary.getLHS()) * factor.getValue() : 0;
}

AffineExpr rounded(AffineExpr expr) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return expr;
  auto lhs = rounded(binary.getLHS()), rhs = rounded(binary.getRHS());
  auto divisor = dyn_cast<AffineConstantExpr>(rhs);
  if (binary.getKind() == AffineExprKind::CeilDiv && divisor) {
    auto constant = constantTerm(lhs);
    if (constant < 0 && constant + divisor.getValue() - 1 < -constant)
      return (lhs + (divisor.getValue() - 1)).floorDiv(divisor.getValue());
  }
  return getAffineBinaryOpExpr(binary.getKind(), lhs, rhs);
}

bool named(Value value) { return isa<BlockArgument>(value) || value.getDefiningOp()->hasAttr("label"); }
bool isSecondName(IndexOp op) {
  return op.getReduce() == Reduce::Only && isa<AffineDimExpr>(op.getMap().getResult(0)) && op.getNumOperands() == 1 &&
         named(op.getOperand(0));
}

struct PrettifyPass : impl::PrettifyBase<PrettifyPass> {
  void runOnOperation() override {
    simplifyRounding();
    mergeIndices();
    dropUnused();
    uniqueNames();
  }

  /// ceildiv(x - 62, 64) is floordiv(x + 1, 64): of the two, the one with the smaller constant.
  void simplifyRounding() {
    getOperation().walk([](IndexOp op) {
      SmallVector<AffineExpr> exprs;
      for (auto expr : op.getMap().getResults())
        exprs.push_back(rounded(expr));
      op.setMap(AffineMap::get(op.getMap().getNumDims(), op.getMap().getNumSymbols(), exprs, op.getContext()));
    });
  }

  /// A name for what already has one, or for the same sum, is noise.
  void mergeIndices() {
    SmallVector<IndexOp> seen;
    for (auto op : llvm::make_early_inc_range(getOperation().getBody().getOps<IndexOp>())) {
      if (!op.getLabel())
        continue;
      if (isa<AffineConstantExpr>(op.getMap().getResult(0)) && op.getReduce() == Reduce::Only) {
        op.removeLabelAttr(); // 0 says more than a name for it
      } else if (isSecondName(op)) {
        op.getResult().replaceAllUsesWith(op.getOperand(0));
        op.erase();
      } else if (auto* same = llvm::find_if(seen, [&](IndexOp other) { return equal(op, other); });
                 same != seen.end()) {
        op.getResult().replaceAllUsesWith(same->getResult());
        op.erase();
      } else {
        seen.push_back(op);
      }
    }
  }

  void dropUnused() {
    getOperation().walk<WalkOrder::PostOrder, ReverseIterator>([](Operation* op) {
      bool definition = isMemoryEffectFree(op) || isa<AllocOp, LambdaOp>(op);
      if (definition && op->getNumResults() == 1 && op->use_empty())
        op->erase();
    });
  }

  void uniqueNames() {
    llvm::StringSet<> names;
    for (auto name : getOperation().getArgNames().getAsRange<StringAttr>())
      names.insert(name.getValue());
    for (Operation& op : getOperation().getBody().front()) {
      auto label = op.getAttrOfType<StringAttr>("label");
      if (!label)
        continue;
      std::string unique = label.str();
      for (int i = 2; !names.insert(unique).second; ++i)
        unique = label.str() + std::to_string(i);
      op.setAttr("label", StringAttr::get(&getContext(), unique));
    }
  }
};

} // namespace
} // namespace attune::tile
