#include "runtime/emulator/ClusterBarrier.h"

#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/Block.h"

namespace attune::emulator {

void ClusterBarrier::reset(std::span<const std::unique_ptr<Block>> blocks) {
  blocks_ = blocks;
  arrived_.assign(clocks_.threads(), false);
  waited_.assign(clocks_.threads(), 0);
  phase_ = 0;
  arriving_.clear(), completed_.clear();
}

void ClusterBarrier::arrive(Warp& warp, bool releases) {
  const std::uint32_t thread = warp.thread();
  if (waited_[thread] != 0)
    throw Fault{"barrier.cluster.arrive by a warp that has arrived and not waited"};
  arrived_[thread] = true;
  waited_[thread] = phase_ + 1;
  if (releases)
    clocks_.release(thread, warp.together(), arriving_);
  completeIfDone();
}

bool ClusterBarrier::wait(Warp& warp, bool acquires) {
  const std::uint32_t thread = warp.thread();
  if (waited_[thread] == 0)
    throw Fault{"barrier.cluster.wait by a warp that has not arrived"};
  if (phase_ < waited_[thread])
    return false;
  waited_[thread] = 0;
  if (acquires)
    clocks_.acquire(thread, completed_);
  return true;
}

void ClusterBarrier::completeIfDone() {
  bool any = false;
  for (const auto& block : blocks_)
    for (const Warp& warp : block->warps()) {
      if (warp.state == Warp::State::Done)
        continue;
      if (!arrived_[warp.thread()])
        return;
      any = true;
    }
  if (!any)
    return;
  arrived_.assign(arrived_.size(), false);
  ++phase_;
  std::swap(completed_, arriving_);
  arriving_.clear();
  for (const auto& block : blocks_) {
    if (block->proxy)
      block->proxy->barriers.publish();
    block->wake();
  }
}

} // namespace attune::emulator
