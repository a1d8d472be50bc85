#include "compiler/passes/AttnPasses.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace attune::attn {

#define GEN_PASS_DEF_SPLITKV
#include "compiler/passes/AttnPasses.h.inc"

namespace {

class SplitKVPass : public impl::SplitKVBase<SplitKVPass> {
  void runOnOperation() override {
    for (KernelOp kernel : llvm::make_early_inc_range(getOperation().getOps<KernelOp>()))
      if (kernel.getSchedule().getSplitKv() && kernel.getBody().getNumArguments() == 3)
        split(kernel);
  }

  static void split(KernelOp kernel) {
    OpBuilder b(kernel->getContext());
    const Location loc = kernel.getLoc();
    SmallVector<FoldOp> folds(kernel.getBody().getOps<FoldOp>());
    Value chunk = kernel.getBody().addArgument(b.getIndexType(), loc);
    Value split_tiles = kernel.getBody().addArgument(b.getIndexType(), loc);
    kernel.setSymName("attention_partial");
    for (StoreOp store : kernel.getBody().getOps<StoreOp>())
      store.setPartial(true);

    if (!folds.empty()) { // the folds follow one another from the last tile to the first: cut each range to the chunk
      for (BoundOp bound : llvm::to_vector(kernel.getBody().getOps<BoundOp>()))
        bound->moveBefore(folds.front()); // so that all are known where the chunk's are made
      b.setInsertionPoint(folds.front());
      const auto bound = [&](StringRef label, Reduce reduce, AffineMap map, ValueRange operands) -> Value {
        return BoundOp::create(b, loc, b.getIndexType(), label.empty() ? StringAttr() : b.getStringAttr(label), reduce,
                               map, operands);
      };
      const AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
      Value first = folds.back().getBegin(), last = folds.front().getEnd();
      Value begin = bound("chunk_begin", Reduce::Only, AffineMap::get(2, 1, d0 + d1 * b.getAffineSymbolExpr(0)),
                          {first, chunk, split_tiles});
      Value end =
          bound("chunk_end", Reduce::Min, AffineMap::get(3, 0, {d0 + d1, b.getAffineDimExpr(2)}, b.getContext()),
                {begin, split_tiles, last});
      DenseMap<Value, Value> clamped{{first, begin}, {last, end}};
      const auto clamp = [&](Value value) {
        auto [known, is_new] = clamped.try_emplace(value);
        if (is_new) {
          const AffineMap both = AffineMap::getMultiDimIdentityMap(2, b.getContext());
          Value below = bound("", Reduce::Min, both, {value, end});
          auto whole = value.getDefiningOp<BoundOp>();
          std::string label = whole && whole.getLabel() ? "chunk_" + whole.getLabel()->str() : "";
          known->second = bound(label, Reduce::Max, both, {below, begin});
        }
        return known->second;
      };
      for (FoldOp fold : folds) {
        fold.getEndMutable().assign(clamp(fold.getEnd()));
        fold.getBeginMutable().assign(clamp(fold.getBegin()));
      }
    }

    b.setInsertionPointAfter(kernel);
    auto combine =
        KernelOp::create(b, loc, b.getStringAttr("attention_combine"), kernel.getSpec(), kernel.getSchedule());
    Block& body = combine.getBody().emplaceBlock();
    for (int n = 0; n < 3; ++n)
      body.addArgument(b.getIndexType(), loc);
    b.setInsertionPointToEnd(&body);
    Value merged = MergeOp::create(b, loc, StateType::get(b.getContext()));
    StoreOp::create(b, loc, merged, /*partial=*/false);
    emitRemark(loc) << "attn-split-kv: chunks of split_tiles key tiles, merged in order by attention_combine";
  }
};

} // namespace

} // namespace attune::attn
