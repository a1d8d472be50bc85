#include "compiler/passes/AttnPasses.h"

using namespace mlir;

namespace attune::attn {

#define GEN_PASS_DEF_BUILDKERNEL
#include "compiler/passes/AttnPasses.h.inc"

namespace {

class BuildKernelPass : public impl::BuildKernelBase<BuildKernelPass> {
  void runOnOperation() override {
    for (ForwardOp forward : llvm::make_early_inc_range(getOperation().getOps<ForwardOp>())) {
      if (!forward.getSchedule()) {
        forward.emitOpError("expected a schedule to build a kernel for, got none");
        return signalPassFailure();
      }
      build(forward, *forward.getSchedule());
      forward.erase();
    }
  }

  static void build(ForwardOp forward, ScheduleAttr schedule) {
    OpBuilder b(forward);
    const Location loc = forward.getLoc();
    auto kernel = KernelOp::create(b, loc, forward.getSymNameAttr(), forward.getSpec(), schedule);
    Block& body = kernel.getBody().emplaceBlock();
    for (int n = 0; n < 3; ++n)
      body.addArgument(b.getIndexType(), loc);
    b.setInsertionPointToEnd(&body);
    const auto bound = [&](AffineMap map, ValueRange operands) -> Value {
      return BoundOp::create(b, loc, b.getIndexType(), StringAttr(), Reduce::Only, map, operands);
    };
    Value begin = bound(AffineMap::get(0, 0, b.getAffineConstantExpr(0)), {});
    Value end = bound(AffineMap::get(1, 0, b.getAffineDimExpr(0).ceilDiv(schedule.getKvTile())), body.getArgument(2));
    auto state = StateType::get(b.getContext());
    Value nothing = IdentityOp::create(b, loc, state);
    Value all = FoldOp::create(b, loc, state, Tiles::Mixed, nothing, begin, end, ValueRange(), forward.getMaskAttr());
    StoreOp::create(b, loc, all, /*partial=*/false);

    emitRemark(loc) << "attn-build-kernel: a block has " << schedule.getQTile() << " rows, "
                    << (schedule.getPackGqa() ? "pairs of a query and one of the " + std::to_string(kernel.getGroup()) +
                                                    " q heads of a kv head"
                                              : std::string("queries of one head"));
    if (schedule.getCluster() > 1)
      emitRemark(loc) << "attn-build-kernel: " << schedule.getCluster()
                      << " blocks share K and V, so each visits the tiles that any of their "
                      << schedule.getQTile() * schedule.getCluster() << " rows sees";
  }
};

} // namespace

} // namespace attune::attn
