// Products of 8-bit elements read both operands along the sum: V is turned before P V.
#include "compiler/passes/TileBuilder.h"
#include "compiler/passes/TilePasses.h"

using namespace mlir;

namespace attune::tile {

#define GEN_PASS_DEF_TRANSPOSEVALUES
#include "compiler/passes/TilePasses.h.inc"

namespace {

struct TransposeValuesPass : impl::TransposeValuesBase<TransposeValuesPass> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    TileBuilder builder(kernel.getLoc(), kernel.getContext());
    Value v_t;
    for (auto loop : kernel.getBody().getOps<ForOp>())
      for (auto product : loop.getBody().front().getOps<MmaABOp>()) {
        auto type = product.getB().getType();
        if (type.getElement().getIntOrFloatBitWidth() != 8)
          return;
        if (!v_t) {
          builder.setInsertionPointAfterValue(product.getB());
          v_t = builder.alloc("v_t_smem",
                              StType::get(&getContext(), type.getCols(), type.getRows(), type.getElement(), 1));
          v_t.getDefiningOp()->setAttr("note", builder.getStringAttr("V^T: 8-bit products read along the keys"));
        }
        transpose(builder, product, v_t);
      }
  }

  static void transpose(TileBuilder& builder, MmaABOp product, Value v_t) {
    for (auto fetch : product->getBlock()->getOps<FetchOp>())
      if (fetch.getDestination() == product.getB()) {
        builder.setInsertionPointAfter(fetch);
        if (Value found = fetch.getFound())
          builder.create<TransposeFiniteOp>(v_t, fetch.getDestination(), found);
        else
          builder.create<TransposeOp>(v_t, fetch.getDestination());
        fetch.getFoundMutable().clear();
        return;
      }
  }
};

} // namespace
} // namespace attune::tile
