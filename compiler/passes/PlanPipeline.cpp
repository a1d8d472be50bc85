#include "attune/compiler/DefaultSchedule.h"
#include "compiler/passes/TilePasses.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace attune::tile {

#define GEN_PASS_DEF_PLANPIPELINE
#include "compiler/passes/TilePasses.h.inc"

std::int64_t sharedBytes(attn::SpecAttr spec, attn::ScheduleAttr schedule, std::int64_t stages) {
  Schedule plan{.q_tile = int(schedule.getQTile()),
                .kv_tile = int(schedule.getKvTile()),
                .stages = int(stages),
                .split_kv = schedule.getSplitKv(),
                .warp_specialized = schedule.getWarpSpecialized(),
                .persistent = schedule.getPersistent()};
  const bool bytes = spec.getDtype().getIntOrFloatBitWidth() == 8; // all types of 16 bits are alike
  return attune::sharedBytes(bytes ? DType::E4M3 : DType::BF16, spec.getHeadDim(), spec.getHeadDimV(), plan);
}

std::int64_t leastStages(attn::ScheduleAttr schedule) { return schedule.getWarpSpecialized() ? 2 : 1; }

namespace {

std::string kib(std::int64_t bytes) { return llvm::formatv("{0:F1} KiB", double(bytes) / 1024); }

struct PlanPipelinePass : impl::PlanPipelineBase<PlanPipelinePass> {
  using PlanPipelineBase::PlanPipelineBase;

  void runOnOperation() override {
    attn::KernelOp kernel = getOperation();
    auto spec = kernel.getSpec();
    auto schedule = kernel.getSchedule();
    if (kernel.getBody().getOps<attn::FoldOp>().empty())
      return; // a merge needs no shared memory
    auto stages = schedule.getStages();
    auto least = leastStages(schedule);
    while (stages > least && sharedBytes(spec, schedule, stages) > limit)
      --stages;
    auto asked = sharedBytes(spec, schedule, schedule.getStages());
    if (sharedBytes(spec, schedule, stages) > limit) {
      kernel.emitError() << "shared memory: " << kib(sharedBytes(spec, schedule, least)) << " > " << kib(limit)
                         << " with " << least << (least == 1 ? " stage" : " stages");
      return signalPassFailure();
    }
    if (stages == schedule.getStages())
      return;
    kernel.emitRemark() << "stages " << schedule.getStages() << " -> " << stages << ": " << kib(asked) << " > "
                        << kib(limit);
    kernel.setScheduleAttr(attn::ScheduleAttr::get(
        &getContext(), schedule.getQTile(), schedule.getKvTile(), schedule.getWarps(), stages, schedule.getPackGqa(),
        schedule.getSplitKv(), schedule.getWarpSpecialized(), schedule.getOverlap(), schedule.getPingPong(),
        schedule.getPersistent(), schedule.getCluster()));
  }
};

} // namespace
} // namespace attune::tile
