#pragma once

#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/emulator/Warp.h"

#include <array>
#include <memory>

namespace attune::emulator {

class RaceDetector;

/// What all blocks of a launch share. Immutable while it runs.
struct Launch {
  const Program* program = nullptr;
  const MemoryView* memory = nullptr;
  const GlobalMemory* global = nullptr; ///< for messages
  const Options* options = nullptr;
  LaunchConfig config;
  std::vector<std::byte> parameters;
};

enum class BarrierOp : std::uint8_t { Sync, Popc, And, Or };

/// One thread block and the schedule of its warps. A host thread reuses one for all its blocks.
class Block {
public:
  Block(const Launch& launch, Tally& tally);
  ~Block();

  /// Runs block `index` of the grid to its end. Throws DeviceError.
  void run(std::uint64_t index);

  /// The current warp arrives at barrier `id` with all its lanes and, unless `arrive_only`, waits.
  /// `threads` 0 stands for the whole block.
  void barrier(Warp& warp, std::uint32_t id, std::uint32_t threads, bool arrive_only, BarrierOp op = BarrierOp::Sync,
               std::uint32_t votes = 0, Slot result = no_slot);
  void exited(Warp& warp);

  const Launch& launch;
  Dim3 position; ///< %ctaid
  std::vector<std::byte> shared_storage;
  std::byte* shared = nullptr;
  std::size_t shared_bytes = 0;
  bool count_memory = true;
  std::unique_ptr<RaceDetector> races;
  Random random;

private:
  struct Barrier {
    std::uint32_t arrived = 0; ///< threads
    std::uint32_t expected = 0;
    std::uint32_t lanes_true = 0, lanes_seen = 0;
    struct Waiter {
      Warp* warp;
      std::uint32_t lanes;
      BarrierOp op;
      Slot result;
    };
    std::vector<Waiter> waiting;
    std::vector<unsigned> arrivers; ///< warps, for the race detector
  };
  void start(std::uint64_t index);
  void releaseIfComplete(std::uint32_t id);
  [[noreturn]] void reportDeadlock() const;
  [[noreturn]] void reportFault(const Warp& warp, const Fault& fault) const;
  std::string name() const;
  std::uint32_t livingThreads() const;

  std::vector<Warp> warps_;
  std::vector<std::byte> register_storage_, local_storage_;
  std::array<Barrier, 16> barriers_;
  std::uint64_t linear_index_ = 0;
};

} // namespace attune::emulator
