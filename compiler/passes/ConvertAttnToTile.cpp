#include "attune/compiler/Schedule.h"
#include "compiler/emit/Expression.h"
#include "compiler/passes/ForwardKernel.h"
#include "compiler/passes/TilePasses.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace attune::tile {

#define GEN_PASS_DEF_CONVERTATTNTOTILE
#include "compiler/passes/TilePasses.h.inc"

namespace {

/// What a reader wants to know before the code: the comment above the kernel.
SmallVector<std::string> header(const KernelPlan& plan, bool combine) {
  std::string what = combine      ? "{0}: merges the chunks of O = softmax(mask(scale * Q K^T)) V"
                     : plan.split ? "{0}: O = softmax(mask(scale * Q K^T)) V over one chunk of the keys"
                                  : "{0}: O = softmax(mask(scale * Q K^T)) V";
  auto dims = plan.head_dim == plan.head_dim_v
                  ? llvm::formatv("head dim {0}", plan.head_dim).str()
                  : llvm::formatv("head dims {0} (Q, K) and {1} (V)", plan.head_dim, plan.head_dim_v).str();
  std::string spec = llvm::formatv("  {0}, {1}, {2} query heads on {3} key/value heads",
                                   plan.quantized()      ? "fp8_e4m3"
                                   : plan.dtype.isBF16() ? "bf16"
                                                         : "fp16",
                                   dims, plan.q_heads, plan.kv_heads);
  if (plan.varlen)
    spec += ", varlen";
  if (plan.softcap != 0)
    spec += llvm::formatv(", softcap {0}", llvm::format("%g", plan.softcap));
  if (plan.alibi != attn::AlibiKind::None)
    spec += ", ALiBi";
  if (plan.sink && (combine || !plan.split))
    spec += ", sink";
  SmallVector<std::string> lines{llvm::formatv(what.c_str(), plan.name).str(), spec};
  if (combine)
    return lines;
  lines.push_back("  " + inWords({.q_tile = int(plan.q_tile),
                                  .kv_tile = int(plan.kv_tile),
                                  .warps = int(plan.warps),
                                  .stages = int(plan.stages),
                                  .pack_gqa = plan.pack_gqa,
                                  .warp_specialized = plan.warp_specialized,
                                  .overlap = plan.overlap,
                                  .ping_pong = plan.ping_pong,
                                  .persistent = plan.persistent,
                                  .cluster = int(plan.cluster)}));
  return lines;
}

/// Whether a mask hides more than the keys that do not exist.
bool hidesKeys(ArrayAttr mask) {
  auto* context = mask.getContext();
  auto exists = getAffineSymbolExpr(1, context) - getAffineDimExpr(1, context) - 1; // key < sk
  return llvm::none_of(mask.getAsRange<IntegerSetAttr>(), [&](IntegerSetAttr set) {
    return set.getValue().getNumConstraints() == 1 && set.getValue().getConstraint(0) == exists;
  });
}

bool dependsOn(Value value, Value source) {
  if (value == source)
    return true;
  Operation* op = value.getDefiningOp();
  return op && llvm::any_of(op->getOperands(), [&](Value operand) { return dependsOn(operand, source); });
}

class Convert {
public:
  Convert(attn::KernelOp kernel, OpBuilder& builder) : source_(kernel), builder_(builder) {}

  LogicalResult run() {
    auto merges = source_.getBody().getOps<attn::MergeOp>();
    plan(/*combine=*/!merges.empty());
    if (merges.empty())
      return forward();
    buildCombineKernel(plan_, builder_, source_.getLoc());
    return success();
  }

private:
  void plan(bool combine);
  LogicalResult forward();
  void bound(ForwardKernel& target, attn::BoundOp op);
  std::string describe(MutableArrayRef<attn::FoldOp> folds);

  attn::KernelOp source_;
  OpBuilder& builder_;
  KernelPlan plan_;
  IRMapping values_;
};

void Convert::plan(bool combine) {
  auto spec = source_.getSpec();
  auto schedule = source_.getSchedule();
  plan_.name = source_.getSymName().str();
  plan_.dtype = spec.getDtype();
  plan_.q_heads = spec.getQHeads();
  plan_.kv_heads = spec.getKvHeads();
  plan_.head_dim = spec.getHeadDim();
  plan_.head_dim_v = spec.getHeadDimV();
  plan_.q_tile = schedule.getQTile();
  plan_.kv_tile = schedule.getKvTile();
  plan_.warps = schedule.getWarps();
  plan_.stages = schedule.getStages();
  plan_.varlen = spec.getVarlen();
  plan_.lse = spec.getLse();
  plan_.sink = spec.getSink();
  plan_.warp_specialized = schedule.getWarpSpecialized() && !combine;
  plan_.starts_early = schedule.getWarpSpecialized() && combine;
  plan_.overlap = schedule.getOverlap();
  plan_.ping_pong = schedule.getPingPong();
  plan_.persistent = schedule.getPersistent() && !source_.getBody().getOps<attn::FoldOp>().empty();
  plan_.cluster = combine ? 1 : schedule.getCluster();
  plan_.pack_gqa = schedule.getPackGqa();
  plan_.split = schedule.getSplitKv();
  plan_.top_left = spec.getTopLeft();
  plan_.softcap = spec.getSoftcap() ? spec.getSoftcap().getValueAsDouble() : 0;
  plan_.alibi = spec.getAlibi();
  for (auto fold : source_.getBody().getOps<attn::FoldOp>())
    // values of keys that do not exist are zeros, but TMA knows the ends of tensors, not of packed sequences
    if (auto mask = fold.getMaskAttr())
      plan_.hides_values |= hidesKeys(mask) || (plan_.warp_specialized && plan_.varlen);
  for (auto fold : source_.getBody().getOps<attn::FoldOp>())
    plan_.longest_first |= dependsOn(fold.getEnd(), source_.getBody().getArgument(0));
  plan_.header = header(plan_, combine);
  auto folds = source_.getBody().getOps<attn::FoldOp>();
  if (!folds.empty() && (*folds.begin()).getMask())
    plan_.header.insert(plan_.header.begin() + 2,
                        "  visible: " + emit::maskText(*(*folds.begin()).getMask(),
                                                       {{"query", true, true}, {"key", true, true}},
                                                       {{"sq", true, true}, {"sk", true, true}}, 1));
}

void Convert::bound(ForwardKernel& target, attn::BoundOp op) {
  auto operands = llvm::map_to_vector(op.getOperands(), [&](Value value) { return values_.lookup(value); });
  auto reduce = static_cast<Reduce>(op.getReduce());
  if (op.getMap().getNumResults() == 1)
    reduce = Reduce::Only;
  values_.map(op.getResult(), target.builder.index(op.getLabel().value_or(""), op.getMap(), reduce, operands));
}

/// "key tiles [0, kv_end) have a visible pair, of [0, full_end) every pair is visible"
std::string Convert::describe(MutableArrayRef<attn::FoldOp> folds) {
  auto name = [](Value value) -> std::string {
    auto bound = value.getDefiningOp<attn::BoundOp>();
    auto constant = dyn_cast<AffineConstantExpr>(bound.getMap().getResult(0));
    if (constant && bound.getMap().getNumResults() == 1)
      return std::to_string(constant.getValue());
    return bound.getLabel().value_or("...").str();
  };
  auto range = [&](Value begin, Value end) { return "[" + name(begin) + ", " + name(end) + ")"; };
  SmallVector<std::string> full;
  for (auto fold : folds)
    if (fold.getTiles() == attn::Tiles::Full)
      full.push_back(range(fold.getBegin(), fold.getEnd()));
  std::string text =
      folds.front().getGaps().empty() ? "key tiles " : "key tiles, counted without the gap between sets: ";
  text += range(folds.back().getBegin(), folds.front().getEnd()) + " have a visible pair";
  if (!full.empty())
    text += ", of " + llvm::join(full, " and ") + " every pair is visible";
  return text;
}

LogicalResult Convert::forward() {
  auto folds = llvm::to_vector(source_.getBody().getOps<attn::FoldOp>());
  for (auto fold : folds)
    if (fold.getTiles() == attn::Tiles::Mixed)
      return fold.emitError("expected classified tiles, got mixed: run attn-classify-blocks first");

  ForwardKernel target(plan_, builder_, source_.getLoc());
  target.open();
  auto arguments = source_.getBody().getArguments();
  Value mapped[] = {target.cluster_begin, target.sq, target.sk, target.chunk, target.split_tiles};
  for (auto argument : arguments)
    values_.map(argument, mapped[argument.getArgNumber()]);
  if (folds.empty()) { // the mask hides every pair
    target.state({}, {}, {}, {});
    return target.close(), success();
  }
  target.builder.section(describe(folds));
  for (auto op : source_.getBody().getOps<attn::BoundOp>())
    bound(target, op);
  auto value = [&](Value of) { return values_.lookup(of); };
  auto masks = llvm::map_to_vector(folds, [](attn::FoldOp fold) { return fold.getMaskAttr(); });
  auto gaps = llvm::map_to_vector(folds.front().getGaps(), value);
  target.state(value(folds.back().getBegin()), value(folds.front().getEnd()), gaps, masks);
  for (auto fold : folds)
    target.fold(value(fold.getBegin()), value(fold.getEnd()), fold.getMaskAttr());
  target.close();
  return success();
}

struct ConvertAttnToTilePass : impl::ConvertAttnToTileBase<ConvertAttnToTilePass> {
  void runOnOperation() override {
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<attn::KernelOp>())) {
      OpBuilder builder(kernel);
      if (failed(Convert(kernel, builder).run()))
        return signalPassFailure();
      kernel.erase();
    }
  }
};

} // namespace
} // namespace attune::tile
