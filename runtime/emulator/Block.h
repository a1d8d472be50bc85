#pragma once

#include "runtime/emulator/Clocks.h"
#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/emulator/Warp.h"

#include <array>
#include <memory>
#include <span>

namespace attune::emulator {

class ClusterBarrier;
class RaceDetector;
struct AsyncProxy;

/// What all blocks of a launch share. Immutable while it runs.
struct Launch {
  const Program* program = nullptr;
  const MemoryView* memory = nullptr;
  const MemoryView* early = nullptr;    ///< what warps see ahead of griddepcontrol.wait, beside the kernel before
  const GlobalMemory* global = nullptr; ///< for messages
  const Options* options = nullptr;
  LaunchConfig config;
  std::vector<std::byte> parameters;
};

enum class BarrierOp : std::uint8_t { Sync, Popc, And, Or };

/// One thread block. A host thread reuses one for all its blocks.
class Block {
public:
  /// Beside its warps a block has this many threads in the clocks: one per warpgroup, and some for its bulk copies.
  static constexpr unsigned groups = 8, copies = 8, units = groups + copies;

  Block(const Launch& launch, Tally& tally, Clocks& clocks, unsigned rank);
  ~Block();

  void start(const Dim3& position);
  void finish(); ///< all its warps have ended; throws for work that is left over

  /// The current warp arrives at barrier `id` with all its lanes and, unless `arrive_only`, waits.
  /// `threads` 0 stands for the whole block.
  void barrier(Warp& warp, std::uint32_t id, std::uint32_t threads, bool arrive_only, BarrierOp op = BarrierOp::Sync,
               std::uint32_t votes = 0, Slot result = no_slot);
  void exited(Warp& warp);
  bool ended() const { return livingThreads() == 0; }
  /// `by`, of another block, accesses this one's shared memory, as the instruction in `line` says. Throws Fault if it
  /// is gone. With check_races the access must be known to a warp of this block when it ends: else it might be gone.
  void visited(const Stamp& by, std::uint32_t line);
  void wake(); ///< something has happened that a blocked warp may wait for

  std::span<Warp> warps() { return warps_; }
  std::span<const Warp> warps() const { return warps_; }
  std::size_t warpCount() const { return warps_.size(); }
  /// The thread of the clocks that stands for a warp, a warpgroup's tensor cores, or bulk copies.
  std::uint32_t clockOfWarp(unsigned warp) const { return first_clock_ + warp; }
  std::uint32_t clockOfGroup(unsigned group) const { return clockOfWarp(static_cast<unsigned>(warpCount()) + group); }
  /// Copies that end in different signals, an mbarrier or a lane's wait, mostly have different clocks: to know of one
  /// is not to know of the others.
  std::uint32_t clockOfCopies(std::uint32_t signal) const { return clockOfGroup(groups + signal % copies); }
  std::string nameOfClock(std::uint32_t thread) const; ///< "warp 3"

  std::string name() const;
  std::string describeWaits() const;
  [[noreturn]] void reportFault(const Warp& warp, const Fault& fault) const;

  const Launch& launch;
  Clocks* clocks;
  const unsigned rank;                           ///< in the cluster
  std::span<const std::unique_ptr<Block>> peers; ///< the cluster
  ClusterBarrier* cluster_barrier = nullptr;
  Dim3 position; ///< %ctaid
  std::vector<std::byte> shared_storage;
  std::byte* shared = nullptr;
  const std::uint64_t shared_base; ///< the address of its first byte: rank << rank_shift
  std::size_t shared_bytes = 0;
  bool count_memory = true;
  std::unique_ptr<RaceDetector> races;
  std::unique_ptr<AsyncProxy> proxy; ///< of programs that use it
  Random random;

private:
  struct Barrier {
    std::uint32_t arrived = 0; ///< threads
    std::uint32_t expected = 0;
    std::uint32_t lanes_true = 0, lanes_seen = 0;
    bool reduces = false;
    struct Waiter {
      Warp* warp;
      std::uint32_t lanes;
      BarrierOp op;
      Slot result;
    };
    std::vector<Waiter> waiting;
    Moment moment; ///< what the arrivers know

    void clear() { ///< and keep the memory of the lists
      arrived = expected = lanes_true = lanes_seen = 0;
      waiting.clear();
      moment.clear();
    }
  };
  void releaseIfComplete(std::uint32_t id);
  bool ordersWarps() const { return races != nullptr || proxy != nullptr; }
  std::uint32_t livingThreads() const;
  void checkVisits() const;

  std::vector<Warp> warps_;
  std::vector<std::byte> register_storage_, local_storage_;
  std::vector<std::byte> constants_; ///< in a cluster, of all ranks but 0
  std::array<Barrier, 16> barriers_;
  std::uint32_t first_clock_ = 0;
  struct Visit {
    Stamp by;
    std::uint32_t line = 0;
  };
  std::vector<Visit> visits_; ///< the last one of each thread of the clocks
  Moment ends_;               ///< what its warps knew when they ended
};

} // namespace attune::emulator
