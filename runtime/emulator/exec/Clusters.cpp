#include "runtime/emulator/exec/Clusters.h"

#include "runtime/emulator/ClusterBarrier.h"
#include "runtime/emulator/exec/SharedPlaces.h"

namespace attune::emulator::exec {

namespace {

unsigned component(const Dim3& value, unsigned which) { return which == 0 ? value.x : which == 1 ? value.y : value.z; }

template <class F>
void special(Warp& warp, const Instr& instr, F f) {
  const LaunchConfig& config = warp.block->launch.config;
  const unsigned value = f(*warp.block, config, instr.detail);
  if (instr.wide != 0)
    forLanes<std::uint64_t>(warp, instr.op[0], [=](unsigned) { return std::uint64_t{value}; });
  else
    forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned) { return value; });
}

void blockInCluster(Warp& warp, const Instr& instr) {
  special(warp, instr, [](const Block& block, const LaunchConfig& config, unsigned axis) {
    return component(block.position, axis) % component(config.cluster, axis);
  });
}
void clusterSize(Warp& warp, const Instr& instr) {
  special(warp, instr,
          [](const Block&, const LaunchConfig& config, unsigned axis) { return component(config.cluster, axis); });
}
void clusterIndex(Warp& warp, const Instr& instr) {
  special(warp, instr, [](const Block& block, const LaunchConfig& config, unsigned axis) {
    return component(block.position, axis) / component(config.cluster, axis);
  });
}
void clusterCount(Warp& warp, const Instr& instr) {
  special(warp, instr, [](const Block&, const LaunchConfig& config, unsigned axis) {
    return component(config.grid, axis) / component(config.cluster, axis);
  });
}
void rankInCluster(Warp& warp, const Instr& instr) {
  special(warp, instr, [](const Block& block, const LaunchConfig&, unsigned) { return block.rank; });
}
void blocksInCluster(Warp& warp, const Instr& instr) {
  special(warp, instr,
          [](const Block& block, const LaunchConfig&, unsigned) { return static_cast<unsigned>(block.peers.size()); });
}

/// op: d, address, rank. The same place in the shared memory of another block.
template <class T, bool Generic>
void mapAddress(Warp& warp, const Instr& instr) {
  T made[lanes] = {};
  const auto* address = warp.read<T>(instr.op[1]);
  const auto* rank = warp.read<std::uint32_t>(instr.op[2]);
  eachLane(warp, [&](unsigned lane) {
    if (rank[lane] >= warp.block->peers.size())
      throw Fault{"mapa to rank " + std::to_string(rank[lane]) + " of a cluster of " +
                  std::to_string(warp.block->peers.size())};
    const std::uint64_t window = Generic ? shared_window : 0;
    if (Generic && address[lane] - shared_window >= window_bytes)
      throw Fault{"mapa of an address that is not in shared memory"};
    made[lane] = static_cast<T>(window + (std::uint64_t{rank[lane]} << rank_shift) +
                                ((address[lane] - window) & ((1u << rank_shift) - 1)));
  });
  forLanes<T>(warp, instr.op[0], [&](unsigned lane) { return made[lane]; });
}

void decodeMapAddress(Decode& decode) {
  const bool shared = decode.take("shared::cluster");
  const Type type = decode.takeType();
  decode.expectOperands(3, 3);
  decode.destination(decode.operand(0), type);
  decode.source(decode.operand(1), type);
  decode.source(decode.operand(2), {'u', 32});
  decode.handler(type.bits == 32 ? &mapAddress<std::uint32_t, false>
                 : shared        ? &mapAddress<std::uint64_t, false>
                                 : &mapAddress<std::uint64_t, true>,
                 Class::Alu);
}

template <class T>
void rankOf(Warp& warp, const Instr& instr) {
  std::uint32_t made[lanes] = {};
  const auto* address = warp.read<T>(instr.op[1]);
  eachLane(warp, [&](unsigned lane) { made[lane] = locate(warp, address[lane]).block->rank; });
  forLanes<std::uint32_t>(warp, instr.op[0], [&](unsigned lane) { return made[lane]; });
}

void decodeRankOf(Decode& decode) {
  decode.take("shared::cluster");
  const Type type = decode.takeType();
  decode.expectOperands(2, 2);
  decode.destination(decode.operand(0), {'u', 32});
  decode.source(decode.operand(1), type);
  decode.handler(type.bits == 32 ? &rankOf<std::uint32_t> : &rankOf<std::uint64_t>, Class::Alu);
}

/// An arrival that releases also makes the mbarriers that this warp has initialised visible to bulk copies: only a
/// relaxed one needs fence.mbarrier_init beside it.
template <bool Relaxed>
void arrive(Warp& warp, const Instr&) {
  if (!warp.converge(warp.alive()))
    return;
  if (!Relaxed && warp.block->proxy)
    warp.block->proxy->barriers.fenceInit(warp);
  warp.block->cluster_barrier->arrive(warp, !Relaxed);
}
void wait(Warp& warp, const Instr&) {
  if (warp.converge(warp.alive()) && !warp.block->cluster_barrier->wait(warp, true))
    warp.retry({Wait::Kind::Cluster, 0, 0});
}

} // namespace

void decodeClusterBarrier(Decode& decode) {
  decode.take("aligned");
  if (decode.take("arrive")) {
    const bool relaxed = decode.take("relaxed");
    decode.take("release");
    return decode.handler(relaxed ? &arrive<true> : &arrive<false>, Class::Barrier);
  }
  if (!decode.take("wait"))
    decode.unsupported("this form");
  decode.take("acquire");
  decode.handler(&wait, Class::Barrier);
}

bool clusterRegister(const std::string& name, Instr& made) {
  const std::size_t dot = name.find('.');
  const std::string base = name.substr(0, dot);
  if (dot != std::string::npos) {
    const char axis = dot + 2 == name.size() ? name[dot + 1] : '?';
    made.detail = static_cast<std::uint16_t>(axis - 'x');
    made.run = base == "%cluster_ctaid"    ? &blockInCluster
               : base == "%cluster_nctaid" ? &clusterSize
               : base == "%clusterid"      ? &clusterIndex
               : base == "%nclusterid"     ? &clusterCount
                                           : nullptr;
    return made.run != nullptr && axis >= 'x' && axis <= 'z';
  }
  made.run = name == "%cluster_ctarank" ? &rankInCluster : name == "%cluster_nctarank" ? &blocksInCluster : nullptr;
  return made.run != nullptr;
}

} // namespace attune::emulator::exec

namespace attune::emulator {

void addClusterRules(Rules& rules) {
  rules["mapa"] = &exec::decodeMapAddress;
  rules["getctarank"] = &exec::decodeRankOf;
}

} // namespace attune::emulator
