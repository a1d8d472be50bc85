// The roles of a kernel for wgmma and TMA (FlashAttention-3, sections 3.1 and 3.2). A producer copies K and V into
// rings and, where the mask hides keys, makes V finite, or transposes it; warpgroups consume them.
#include "compiler/passes/SpecializeWarps.h"

using namespace mlir;

namespace attune::tile {

#define GEN_PASS_DEF_SPECIALIZEWARPS
#include "compiler/passes/TilePasses.h.inc"

template <class Op>
static Op find(ForOp loop) {
  auto found = loop.getBody().front().getOps<Op>();
  return found.empty() ? Op() : *found.begin();
}

LogicalResult Specialize::collect() {
  for (auto fetch : kernel_.getBody().getOps<FetchOp>())
    q_ = fetch, q_map_ = isa<TensorMapType>(fetch.getSource().getDefiningOp()->getOperand(0).getType());
  for (auto loop : kernel_.getBody().getOps<ForOp>()) {
    Segment segment{.loop = loop};
    auto fetches = llvm::to_vector(loop.getBody().front().getOps<FetchOp>());
    segment.scores = find<MmABtOp>(loop);
    segment.convert = find<ConvertOp>(loop);
    segment.step = find<StepOp>(loop);
    segment.rescale = find<MulRowOp>(loop);
    segment.mask = find<MaskOp>(loop);
    segment.transpose = find<TransposeOp>(loop);
    segment.transpose_finite = find<TransposeFiniteOp>(loop);
    if (fetches.size() != 2 || !segment.scores || !segment.convert || !segment.step || !segment.rescale ||
        !find<MmaABOp>(loop))
      return loop.emitError("expected a loop that fetches K and V and folds them");
    segment.k = fetches[0], segment.v = fetches[1];
    if (!segments_.empty() && segments_.back().loop.getBegin() != loop.getEnd())
      return loop.emitError("expected loops that go on where the one before stops");
    if (!segments_.empty() && segment.mask && segment.mask.getFunction() != segments_.front().mask.getFunction())
      return loop.emitError("expected the mask of the first loop, got another: all tiles share one loop");
    segments_.push_back(segment);
    if (segments_.front().full())
      return loop.emitError("expected the mask on the first loop: its first tile is visited in any case");
    v_t_ = segment.transposed();
  }
  return success();
}

/// A tile is outside of a full segment if it lies behind it or before it.
Specialize::Outside Specialize::outside(Segment& full, Value tile) {
  SmallVector<AffineExpr> conditions{builder_.d(0) - builder_.d(1)};
  SmallVector<Value> operands{tile, full.loop.getEnd()};
  if (full.loop.getBegin() != begin_) {
    conditions.push_back(builder_.d(2) - builder_.d(0) - 1);
    operands.push_back(full.loop.getBegin());
  }
  return {AffineMap::get(unsigned(operands.size()), 0, conditions, kernel_.getContext()), operands};
}

/// Shared tiles become rings, beside the barriers of their events.
void Specialize::makeBarriers() {
  Segment any = segments_.front();
  for (Value tiles : {Value(any.k.getDestination()), Value(any.v.getDestination()), v_t_})
    if (tiles)
      tiles.setType(withStages(tiles.getType(), stages_));
  AllocOp last;
  for (auto alloc : kernel_.getBody().getOps<AllocOp>())
    if (isa<StType>(alloc.getType()))
      last = alloc;
  builder_.setInsertionPointAfter(last);
  auto one = BarrierType::get(kernel_.getContext(), 1);
  if (q_map_)
    q_full_ = builder_.alloc("q_full", one);
  if (q_map_ && persistent_)
    q_empty_ = builder_.alloc("q_empty", one);
  k_full_ = barriers("k_full"), k_empty_ = barriers("k_empty");
  if (v_t_ || any.checked()) {
    v_landed_ = barriers("v_landed");
    auto before = v_t_ ? "V, before v_full: transposed" : "V of a tile that the mask cuts, before v_full";
    v_landed_.getDefiningOp()->setAttr("note", builder_.getStringAttr(before));
  }
  v_full_ = barriers("v_full"), v_empty_ = barriers("v_empty");
}

/// In a loop around loops ptxas would not see that a bound of theirs is one for the warp.
void Specialize::makeUniform(Value bound) {
  auto index = bound.getDefiningOp<IndexOp>();
  if (!index || !index.getLabel())
    return;
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPointAfter(index);
  auto uniform = builder_.create<WarpUniformOp>(index.getType(), index.getLabelAttr(), index);
  index.getResult().replaceAllUsesExcept(uniform, uniform);
  index.removeLabelAttr();
  if (auto note = index->removeAttr("note"))
    uniform->setAttr("note", note);
}

/// kv_last, and the rings of each thread: in a kernel about several pieces they go on from one to the next.
void Specialize::startRings() {
  begin_ = segments_.back().loop.getBegin();
  Value end = segments_.front().loop.getEnd();
  auto* context = kernel_.getContext();
  const char* name = persistent_ ? "" : "kv_last";
  const bool some = returnsWithout(kernel_, begin_, end);
  if (some)
    last_ = builder_.index(name, builder_.d(0) - 1, end);
  else
    last_ = builder_.index(name, AffineMap::get(2, 0, {builder_.d(0) - 1, builder_.d(1)}, context), Reduce::Max,
                           {end, begin_});
  if (persistent_) {
    last_ = builder_.create<WarpUniformOp>(builder_.getIndexType(), builder_.getStringAttr("kv_last"), last_);
    for (auto& segment : segments_)
      makeUniform(segment.loop.getBegin());
    begin_ = segments_.back().loop.getBegin();
  }
  if (!some)
    last_.getDefiningOp()->setAttr("note", builder_.getStringAttr("visited first, even if nothing of it is visible"));
  if (q_map_ && persistent_)
    q_ring_ = builder_.ring("q_ring", 1);
  ring_ = builder_.ring("ring", stages_);
  if (segments_.front().checked())
    cut_ring_ = builder_.ring("cut_ring", stages_);
}

void Specialize::prefetchMaps() {
  SmallVector<Value> maps;
  for (auto argument : kernel_.getBody().getArguments())
    if (isa<TensorMapType>(argument.getType()))
      maps.push_back(argument);
  builder_.create<TmaPrefetchOp>(maps);
}

void Specialize::initBarriers() {
  auto init = [&](Value barriers, std::int64_t arrivals) {
    return builder_.create<BarInitOp>(barriers, constant(arrivals));
  };
  if (q_full_)
    init(q_full_, 1);
  BarInitOp first; // that consumers arrive at
  if (q_empty_)
    first = init(q_empty_, warpgroups_ * 4);
  init(k_full_, 1);
  auto k_empty = init(k_empty_, warpgroups_ * 4 * cluster_);
  const std::string who = std::string("one arrival of each consumer warp") + (cluster_ > 1 ? " of all blocks" : "");
  (first ? first : k_empty)->setAttr("note", builder_.getStringAttr(who));
  if (v_landed_)
    init(v_landed_, 1);
  auto full = init(v_full_, v_t_ ? transposers : 1);
  if (v_t_)
    full->setAttr("note", builder_.getStringAttr("one arrival of each warp that transposes"));
  init(v_empty_, warpgroups_ * 4 * cluster_);
  if (segments_.front().checked())
    builder_.create<InitFlagOp>(segments_.front().v.getFound());
  if (auto finite = segments_.front().transpose_finite)
    builder_.create<InitFlagOp>(finite.getFound());
  builder_.create<BarPublishOp>();
  if (cluster_ > 1)
    builder_.create<ClusterSyncOp>();
  else
    builder_.create<SyncOp>();
  if (llvm::is_contained(kernel_.getArgNames().getAsValueRange<StringAttr>(), "splits"))
    builder_.create<GridStartNextOp>()->setAttr(
        "note", builder_.getStringAttr("the combine kernel; it waits for this one's results"));
}

/// A block that has ended has no barriers, and others still arrive at them.
void Specialize::leave() {
  if (cluster_ == 1)
    return;
  builder_.setInsertionPointToEnd(&kernel_.getBody().front());
  builder_.create<ClusterSyncOp>()->setAttr("note", builder_.getStringAttr("other blocks may still arrive here"));
}

void Specialize::explain() {
  const RoleRegisters registers = registersOfRoles();
  const Location loc = kernel_.getLoc();
  emitRemark(loc) << "tile-specialize-warps: a producer warpgroup with " << registers.producer
                  << " registers per thread, " << warpgroups_
                  << (warpgroups_ == 1 ? " that computes with " : " that compute with ") << registers.consumers
                  << "; rings of " << stages_;
  emitRemark(loc) << "tile-specialize-warps: "
                  << (overlap_ ? "P V of a tile runs beside the softmax of the next" : "one product after the other")
                  << (ping_pong_ ? "; warpgroups take turns, one's softmax beside another's products" : "");
  if (v_t_)
    emitRemark(loc) << "tile-specialize-warps: " << transposers << " warps of the producer transpose V";
  if (segments_.front().checked())
    emitRemark(loc) << "tile-specialize-warps: a warp of the producer makes V finite where the mask cuts a tile";
}

LogicalResult Specialize::run() {
  if (failed(collect()))
    return failure();
  // The consumers' part begins with the first tile in registers.
  Operation* part = nullptr;
  for (auto alloc : kernel_.getBody().getOps<AllocOp>())
    if (!part && isa<RtType>(alloc.getType()))
      part = alloc;
  if (auto section = dyn_cast<SectionOp>(part->getPrevNode()))
    part = section;
  builder_.setInsertionPoint(part);
  if (segments_.empty()) {
    producer();
    return success();
  }
  explain();
  makeBarriers();
  builder_.setInsertionPoint(part);
  startRings();
  builder_.section();
  prefetchMaps();
  initBarriers();
  producer();
  consumers();
  drain();
  leave();
  for (auto& segment : segments_)
    segment.loop.erase();
  return success();
}

namespace {
struct SpecializeWarpsPass : impl::SpecializeWarpsBase<SpecializeWarpsPass> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    if (!kernel.getWarpgroups())
      return; // every warp copies and computes
    if (failed(Specialize(kernel).run()))
      return signalPassFailure();
    kernel->removeAttr("stages");
    kernel->removeAttr("overlap");
    kernel->removeAttr("ping_pong");
  }
};

} // namespace
} // namespace attune::tile
