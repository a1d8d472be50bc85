#include "runtime/emulator/Cluster.h"

#include "attune/compiler/Error.h"
#include "runtime/emulator/AsyncProxy.h"

#include <algorithm>

namespace attune::emulator {

namespace {

std::uint64_t size(const Dim3& dims) { return std::uint64_t{dims.x} * dims.y * dims.z; }

std::size_t clockThreads(const LaunchConfig& config) {
  const std::size_t warps = (size(config.block) + 31) / 32;
  return size(config.cluster) * (warps + Block::units);
}

} // namespace

std::uint64_t Cluster::count(const LaunchConfig& config) { return size(config.grid) / size(config.cluster); }

Cluster::Cluster(const Launch& launch, Tally& tally) : launch_(launch), clocks_(clockThreads(launch.config)) {
  for (unsigned rank = 0; rank < size(launch.config.cluster); ++rank)
    blocks_.push_back(std::make_unique<Block>(launch, tally, clocks_, rank));
  for (const auto& block : blocks_)
    block->peers = blocks_, block->cluster_barrier = &barrier_;
}

void Cluster::start(std::uint64_t index) {
  const Dim3 grid = launch_.config.grid, cluster = launch_.config.cluster;
  const Dim3 clusters{grid.x / cluster.x, grid.y / cluster.y, grid.z / cluster.z};
  const Dim3 at{static_cast<unsigned>(index % clusters.x), static_cast<unsigned>(index / clusters.x % clusters.y),
                static_cast<unsigned>(index / clusters.x / clusters.y)};
  clocks_.reset();
  barrier_.reset(blocks_);
  for (unsigned rank = 0; rank < blocks_.size(); ++rank) {
    const Dim3 within{rank % cluster.x, rank / cluster.x % cluster.y, rank / cluster.x / cluster.y};
    blocks_[rank]->start({at.x * cluster.x + within.x, at.y * cluster.y + within.y, at.z * cluster.z + within.z});
  }
}

void Cluster::runWarp(Warp& warp, std::uint64_t& budget) {
  const std::uint64_t slice = 64 + blocks_[0]->random.below(4096);
  try {
    const std::uint64_t ran = warp.run(slice);
    if (ran >= budget)
      throw Fault{"the block has run " + std::to_string(launch_.options->max_instructions) +
                  " warp instructions and does not end (watchdog)"};
    budget -= ran;
  } catch (const Fault& fault) {
    warp.block->reportFault(warp, fault);
  }
}

bool Cluster::landOne() {
  std::vector<Block*> busy;
  bool waited_for = false;
  for (const auto& block : blocks_)
    if (block->proxy && block->proxy->copies.underWay())
      busy.push_back(block.get());
  for (const auto& block : blocks_)
    for (const Warp& warp : block->warps())
      waited_for |= warp.state != Warp::State::Done;
  if (busy.empty() || !waited_for)
    return false;
  Random& random = blocks_[0]->random;
  busy[random.below(static_cast<std::uint32_t>(busy.size()))]->proxy->copies.landOne(random);
  return true;
}

void Cluster::run(std::uint64_t index) {
  start(index);
  Random& random = blocks_[0]->random;
  std::uint64_t budget = launch_.options->max_instructions * blocks_.size();
  std::vector<Warp*> ready;
  for (;;) {
    ready.clear();
    for (const auto& block : blocks_)
      for (Warp& warp : block->warps())
        if (warp.state == Warp::State::Ready)
          ready.push_back(&warp);
    if (ready.empty()) {
      if (landOne())
        continue;
      break;
    }
    for (std::size_t i = ready.size(); i > 1; --i)
      std::swap(ready[i - 1], ready[random.below(static_cast<std::uint32_t>(i))]);
    for (Warp* warp : ready) {
      if (launch_.options->random_landing && random.below(4) == 0)
        landOne();
      runWarp(*warp, budget);
    }
  }
  for (const auto& block : blocks_)
    for (const Warp& warp : block->warps())
      if (warp.state != Warp::State::Done)
        reportDeadlock();
  for (const auto& block : blocks_)
    block->finish();
}

void Cluster::reportDeadlock() const {
  std::string text = blocks_[0]->name() + ": deadlock";
  for (const auto& block : blocks_)
    text += block->describeWaits();
  throw DeviceError(text);
}

} // namespace attune::emulator
