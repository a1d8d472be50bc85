#pragma once

#include "attune/Device.h"
#include "runtime/emulator/Memory.h"
#include "runtime/emulator/Program.h"

#include <vector>

namespace attune::emulator {

/// Bytes that lanes asked for, and 32-byte sectors that move for them.
struct Traffic {
  std::uint64_t bytes = 0, sectors = 0;
};

/// Passes through the banks of shared memory, and how many it would take without a conflict.
struct Wavefronts {
  std::uint64_t taken = 0, minimum = 0;
};

enum class SharedAccess : std::uint8_t { Load, Store, Ldmatrix, AsyncCopy, Bulk, Wgmma, Count };

/// Events of one host thread; summed when the launch ends.
struct Tally {
  explicit Tally(std::size_t instructions = 0, std::size_t buffers = 0)
      : executions(instructions), reads(buffers), writes(buffers) {}

  std::vector<std::uint64_t> executions; ///< per instruction of the program
  std::vector<Traffic> reads, writes;    ///< per buffer of the view
  Wavefronts shared[static_cast<std::size_t>(SharedAccess::Count)];

  void add(const Tally& other);
};

/// The keys are listed in runtime/emulator/README.md.
Counters summarize(const Tally& tally, const Program& program, const MemoryView& memory);

} // namespace attune::emulator
