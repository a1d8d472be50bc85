// The consumers: one loop over the key tiles, in which products run beside a softmax (FlashAttention-3, section 3.2).
#include "compiler/passes/SpecializeWarps.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace attune::tile {

void Specialize::startScores(std::int64_t ahead) {
  Segment any = segments_.front();
  wait(k_full_, ahead);
  builder_.create<MmABtAsyncOp>(any.scores.getResultTile(), any.scores.getA(), slot(any.k.getDestination(), ahead));
}

/// What becomes of S(tile) in every tile, and the mask in those that it cuts.
void Specialize::softmax(Value tile) {
  for (Operation& op : segments_.front().loop.getBody().front())
    if (isa<MaskOp>(op)) {
      if (auto cut = whereCut(tile, [&] { clone(op, tile); }))
        cut->setAttr("note", builder_.getStringAttr("the mask cuts this tile"));
    } else if (isa<ModifyOp, StepOp>(op)) {
      clone(op, tile);
    }
}

void Specialize::clone(Operation& op, Value tile) {
  IRMapping operands;
  for (Value operand : op.getOperands())
    operands.map(operand, builder_.at(operand, segments_.front().loop, tile));
  builder_.clone(op, operands);
}

void Specialize::accumulate() {
  Segment any = segments_.front();
  Value out = any.rescale.getResultTile(), probs = any.convert.getResultTile();
  if (v_t_)
    builder_.create<MmaABtAsyncOp>(out, probs, slot(v_t_));
  else
    builder_.create<MmaABAsyncOp>(out, probs, slot(any.v.getDestination()));
}

void Specialize::receiveQ() {
  if (q_map_) {
    waitForQ(q_full_, /*before=*/false);
    if (q_ring_)
      advance(q_ring_);
  } else {
    if (persistent_)
      builder_.create<WarpgroupSyncOp>()->setAttr("note", builder_.getStringAttr("every warp is done with Q before"));
    builder_.create<WarpgroupLoadOp>(q_.getDestination(), q_.getSource(), q_.getFirst(), q_.getLimit());
  }
}

/// One loop for all segments: to ask in each tile whether the mask cuts it takes less than a second loop does. S of a
/// tile is started in the visit of the tile before; if products overlap, beside the P V of that tile, which then
/// accumulates during the softmax.
void Specialize::consumers() {
  builder_.setInsertionPoint(q_);
  receiveQ();
  if (ping_pong_)
    builder_.create<BeginTurnsOp>(warpgroups_);
  q_.erase();

  Segment any = segments_.front();
  Value scores = any.scores.getResultTile(), out = any.rescale.getResultTile();
  auto turn = [&](const auto& products) {
    if (ping_pong_)
      builder_.create<TakeTurnOp>(warpgroups_);
    products();
    if (ping_pong_)
      builder_.create<PassTurnOp>(warpgroups_);
  };
  for (auto& segment : segments_)
    if (auto section = dyn_cast_or_null<SectionOp>(segment.loop->getPrevNode()))
      section.erase();
  builder_.setInsertionPoint(any.loop);
  builder_.section("scores of the first tile");
  turn([&] { startScores(0); });
  builder_.create<WarpgroupWaitOp>(0, scores);
  builder_.section(overlap_ ? "P(j + 1) V(j + 1) accumulates during the softmax of S(j)" : "");
  loopOverTiles([&](Value j) {
    auto more = builder_.d(0) - builder_.d(1) - 1, less = builder_.d(1) - builder_.d(0) - 1;
    giveBack(k_empty_);
    softmax(j);
    auto v_full = wait(v_full_, 0, overlap_ ? any.step.getRowSum() : Value());
    if (overlap_) {
      v_full->setAttr("note", builder_.getStringAttr("not before this softmax is done"));
      builder_.create<WarpgroupWaitOp>(0, out);
      when(less, {j, last_}, [&] { giveBack(v_empty_, -1); });
    }
    builder_.clone(*any.rescale);
    builder_.clone(*any.convert);
    if (overlap_) {
      turn([&] {
        when(more, {j, begin_}, [&] { startScores(1); });
        accumulate();
      });
      builder_.create<WarpgroupWaitOp>(1, scores);
    } else {
      accumulate();
      builder_.create<WarpgroupWaitOp>(0, out);
      giveBack(v_empty_);
      when(more, {j, begin_}, [&] {
        startScores(1);
        builder_.create<WarpgroupWaitOp>(0, scores);
      });
    }
    advance(ring_);
  });
}

void Specialize::drain() {
  builder_.setInsertionPointAfter(segments_.back().loop);
  if (q_empty_ || overlap_)
    builder_.section();
  if (q_empty_)
    builder_.create<BarArriveOp>(q_empty_)->setAttr("note", builder_.getStringAttr("the next piece's may come"));
  if (!overlap_)
    return;
  builder_.create<WarpgroupWaitOp>(0, segments_.front().rescale.getResultTile());
  if (persistent_)
    giveBack(v_empty_, -1);
}

} // namespace attune::tile
