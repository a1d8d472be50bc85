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

bool named(Value value) { return isa<BlockArgument>(value) || value.getDefiningOp()->hasAttr("label"); }
bool isSecondName(IndexOp op) {
  return op.getReduce() == Reduce::Only && isa<AffineDimExpr>(op.getMap().getResult(0)) && op.getNumOperands() == 1 &&
         named(op.getOperand(0));
}

struct PrettifyPass : impl::PrettifyBase<PrettifyPass> {
  void runOnOperation() override {
    mergeIndices();
    dropUnused();
    uniqueNames();
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
      bool definition = wouldOpBeTriviallyDead(op) || isa<AllocOp, LambdaOp>(op);
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
