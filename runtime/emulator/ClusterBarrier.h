#pragma once

#include "runtime/emulator/Clocks.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace attune::emulator {

class Block;
class Warp;

/// The barrier of all threads of a cluster, in two halves: barrier.cluster.arrive and .wait. Warps that have ended
/// count as arrived.
class ClusterBarrier {
public:
  explicit ClusterBarrier(Clocks& clocks) : clocks_(clocks) {}
  void reset(std::span<const std::unique_ptr<Block>> blocks);

  void arrive(Warp& warp, bool releases);
  /// False if `warp` has to wait still.
  bool wait(Warp& warp, bool acquires);
  void exited() { completeIfDone(); }

private:
  void completeIfDone();

  Clocks& clocks_;
  std::span<const std::unique_ptr<Block>> blocks_;
  std::vector<bool> arrived_; ///< by thread of the clocks
  std::uint64_t phase_ = 0;
  std::vector<std::uint64_t> waited_; ///< phases that a thread has arrived in
  Moment arriving_, completed_;
};

} // namespace attune::emulator
