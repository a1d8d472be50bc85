#pragma once

#include "runtime/emulator/Block.h"
#include "runtime/emulator/ClusterBarrier.h"

namespace attune::emulator {

/// The blocks that run together on one host thread: those of a cluster, or a single one. It schedules their warps in
/// seeded random order, and lets what works beside them (bulk copies) finish when no warp can go on, or earlier.
class Cluster {
public:
  Cluster(const Launch& launch, Tally& tally);

  /// How many there are in the grid.
  static std::uint64_t count(const LaunchConfig& config);
  /// Runs cluster `index` of the grid to its end. Throws DeviceError.
  void run(std::uint64_t index);

private:
  void start(std::uint64_t index);
  void runWarp(Warp& warp, std::uint64_t& budget);
  bool landOne();
  [[noreturn]] void reportDeadlock() const;

  const Launch& launch_;
  Clocks clocks_;
  ClusterBarrier barrier_{clocks_};
  std::vector<std::unique_ptr<Block>> blocks_;
};

} // namespace attune::emulator
