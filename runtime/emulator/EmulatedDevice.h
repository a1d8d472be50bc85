#pragma once

#include "attune/Device.h"

#include <cstdint>
#include <memory>
#include <string>

namespace attune::emulator {

struct Options {
  std::string target = "sm_80"; ///< whose limits it has, and the newest PTX target that it loads
  std::uint64_t seed = 0;       ///< of all that PTX leaves open, and of poison: same seed, same run
  unsigned threads = 0;         ///< host threads; 0: one per core
  bool random_landing = false;  ///< asynchronous copies land at a random legal moment instead of the latest
  bool counters = true;         ///< account for sectors and bank conflicts too; instructions and bytes always are
  bool lowest_leader =
      false;                ///< elect.sync takes the lowest lane, as GPUs do and some kernels rely on; else the seed's
  bool check_races = false; ///< report shared memory that two warps or lanes touch with no barrier in between
  std::uint64_t max_instructions = 1ull << 40; ///< of one block, before it counts as hanging
};

/// A device that runs PTX on the host. launch() returns when the kernel is done, and throws what went wrong in it.
/// Throws DeviceError for an unknown target or a CPU without AVX2.
std::unique_ptr<Device> makeEmulatedDevice(const Options& options = {});

} // namespace attune::emulator
