// The producer: its issuer copies K and V, and Q, by TMA; other warps look at V or transpose it before the consumers
// hear of it.
#include "compiler/passes/SpecializeWarps.h"

#include "attune/compiler/DefaultSchedule.h"

using namespace mlir;

namespace attune::tile {

/// Who learns that V is there: the consumers, or first the checker, where the mask may hide keys, or who transposes it.
Value Specialize::vFull(Value tile) {
  if (v_t_)
    return slot(v_landed_, tile);
  Value barrier;
  for (auto& segment : llvm::reverse(segments_)) {
    Value own = segment.checked() ? slot(segment.landed, tile, segment.ring) : slot(v_full_, tile);
    if (!segments_.front().checked())
      return own;
    auto from = AffineMap::get(2, 0, builder_.d(0) - builder_.d(1));
    barrier = !barrier ? own
                       : builder_.create<SelectOp>(own.getType(), from, ValueRange{tile, segment.loop.getBegin()}, own,
                                                   barrier);
  }
  return barrier;
}

/// K one tile ahead of V: the order in which they are consumed.
void Specialize::issue() {
  Segment any = segments_.front();
  auto load = [&](FetchOp fetch, Value tile, Value full) {
    Value first = builder_.at(fetch.getFirst(), any.loop, tile);
    Value destination = slot(fetch.getDestination(), tile), keep = policy(fetch.getReread());
    if (cluster_ > 1)
      builder_.create<TmaMulticastAsyncOp>(cluster_, destination, fetch.getSource(), first, full, keep);
    else
      builder_.create<TmaLoadAsyncOp>(destination, fetch.getSource(), first, full, keep);
  };
  if (persistent_)
    wait(k_empty_, last_, ring_, /*before=*/true);
  load(any.k, last_, slot(k_full_, last_));
  if (q_empty_)
    waitForQ(q_empty_, /*before=*/true);
  if (q_map_)
    builder_.create<TmaLoadAsyncOp>(q_.getDestination(), q_.getSource(), q_.getFirst(), q_full_,
                                    policy(q_.getReread()));
  loop(begin_, next(last_, 1), [&](Value j) {
    when(builder_.d(0) - builder_.d(1) - 1, {j, begin_}, [&] {
      wait(k_empty_, next(j, -1), ring_, /*before=*/true);
      load(any.k, next(j, -1), slot(k_full_, next(j, -1)));
    });
    wait(v_t_ ? v_full_ : v_empty_, j, ring_, /*before=*/true);
    if (v_t_) // whoever has transposed it needs it no more
      builder_.getInsertionBlock()->back().setAttr("note", builder_.getStringAttr("what was here is transposed"));
    load(any.v, j, vFull(j));
  });
}

void Specialize::check() {
  for (auto [i, segment] : llvm::enumerate(segments_)) {
    if (!segment.checked())
      continue;
    loop(segment.loop.getBegin(), loopEnd(i), [&](Value j) {
      wait(segment.landed, j, segment.ring);
      builder_.create<MakeFiniteOp>(slot(segment.v.getDestination(), j), segment.v.getFound());
      arrive(v_full_, j);
    });
  }
}

void Specialize::transpose() {
  for (auto [i, segment] : llvm::enumerate(segments_))
    loop(segment.loop.getBegin(), loopEnd(i), [&](Value j) {
      wait(v_landed_, j);
      wait(v_empty_, j, ring_, /*before=*/true);
      Value to = slot(v_t_, j), from = slot(segment.v.getDestination(), j);
      if (segment.transpose)
        builder_.create<TransposeOp>(to, from);
      else
        builder_.create<TransposeFiniteOp>(to, from, segment.transpose_finite.getFound());
      arrive(v_full_, j);
    });
}

void Specialize::producer() {
  const auto [left, taken] = roleRegisters(static_cast<int>(warpgroups_), persistent_, v_t_ != nullptr);
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
