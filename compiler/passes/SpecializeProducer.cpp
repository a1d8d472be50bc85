// The producer: its issuer copies K and V, and Q, by TMA; other warps look at V or transpose it before the consumers
// hear of it.
#include "compiler/passes/SpecializeWarps.h"

using namespace mlir;

namespace attune::tile {

/// Who learns that V is there: the consumers, or first the checker, where the mask may hide keys, or who transposes it.
Value Specialize::vBarrier(Value tile) {
  if (!cut_ring_)
    return slot(v_t_ ? v_landed_ : v_full_);
  Value barrier = builder_.slot(v_landed_, cut_ring_);
  for (auto& segment : llvm::reverse(segments_))
    if (segment.full()) {
      auto [map, operands] = outside(segment, tile);
      barrier = builder_.create<SelectOp>(barrier.getType(), map, operands, barrier, slot(v_full_));
    }
  return barrier;
}

/// K one tile ahead of V: the order in which they are consumed.
void Specialize::issue() {
  Segment any = segments_.front();
  auto load = [&](FetchOp fetch, Value full, Value tile, std::int64_t ahead = 0) {
    Value first = builder_.at(fetch.getFirst(), any.loop, next(tile, -ahead));
    Value destination = slot(fetch.getDestination(), ahead), keep = policy(fetch.getReread());
    if (cluster_ > 1)
      builder_.create<TmaMulticastAsyncOp>(cluster_, destination, fetch.getSource(), first, full, keep);
    else
      builder_.create<TmaLoadAsyncOp>(destination, fetch.getSource(), first, full, keep);
  };
  if (persistent_)
    waitForRoom(k_empty_);
  load(any.k, slot(k_full_), last_);
  if (q_empty_)
    waitForQ(q_empty_, /*before=*/true);
  if (q_map_)
    builder_.create<TmaLoadAsyncOp>(q_.getDestination(), q_.getSource(), q_.getFirst(), q_full_,
                                    policy(q_.getReread()));
  if (q_ring_)
    advance(q_ring_);
  loopOverTiles([&](Value j) {
    when(builder_.d(0) - builder_.d(1) - 1, {j, begin_}, [&] {
      waitForRoom(k_empty_, 1);
      load(any.k, slot(k_full_, 1), j, 1);
    });
    waitForRoom(v_t_ ? v_full_ : v_empty_);
    if (v_t_) // whoever has transposed it needs it no more
      builder_.getInsertionBlock()->back().setAttr("note", builder_.getStringAttr("what was here is transposed"));
    load(any.v, vBarrier(j), j);
    if (cut_ring_)
      whereCut(j, [&] { advance(cut_ring_); });
    advance(ring_);
  });
}

void Specialize::check() {
  loopOverTiles([&](Value j) {
    whereCut(j, [&] {
      waitForCut(v_landed_);
      FetchOp v = segments_.front().v;
      builder_.create<MakeFiniteOp>(slot(v.getDestination()), v.getFound());
      builder_.create<BarArriveOp>(slot(v_full_));
      advance(cut_ring_);
    });
    advance(ring_);
  });
}

/// Tile after tile from the last, whichever segment it is in.
void Specialize::transpose() {
  for (auto& segment : segments_) {
    Value end = next(last_, 1);
    if (&segment != &segments_.front())
      end = builder_.index("", AffineMap::get(2, 0, {builder_.d(0), builder_.d(1) + 1}, kernel_.getContext()),
                           Reduce::Min, {segment.loop.getEnd(), last_});
    loop(segment.loop.getBegin(), end, [&](Value) {
      wait(v_landed_);
      waitForRoom(v_empty_);
      Value to = slot(v_t_), from = slot(segment.v.getDestination());
      if (segment.transpose)
        builder_.create<TransposeOp>(to, from);
      else
        builder_.create<TransposeFiniteOp>(to, from, segment.transpose_finite.getFound());
      builder_.create<BarArriveOp>(slot(v_full_));
      advance(ring_);
    });
  }
}

void Specialize::producer() {
  const auto [left, taken] = registersOfRoles();
  builder_.section();
  role(Role::Producer, "", [&] {
    if (warpgroups_ > 1)
      builder_.create<DecreaseRegistersOp>(left);
    if (!segments_.empty()) {
      SmallVector<Value> sources{segments_.front().k.getSource(), segments_.front().v.getSource()};
      if (q_map_)
        sources.insert(sources.begin(), q_.getSource());
      for (Value source : sources)
        source.getDefiningOp()->moveBefore(builder_.getInsertionBlock(), builder_.getInsertionPoint());
      role(Role::Issuer, "K is one tile ahead of V, the order in which they are used", [&] { issue(); });
      if (segments_.front().checked())
        role(Role::Checker, "a hidden key weighs 0, but 0 times NaN is NaN", [&] { check(); });
      if (v_t_)
        role(Role::Transposer, "", [&] { transpose(); });
    }
    builder_.create<ReturnOp>();
  });
  if (warpgroups_ > 1)
    builder_.create<IncreaseRegistersOp>(taken);
}

} // namespace attune::tile
