#pragma once

#include "attune/Device.h"

#include <cstdint>
#include <memory>
#include <string>

namespace attune::emulator {

struct Options {
  std::string target = "sm_80"; ///< whose limits it has, and what it says it is
  std::uint64_t seed = 0;       ///< of warp order and of when copies land
  unsigned threads = 0;         ///< host threads; 0: one per core
  bool random_landing = false;  ///< asynchronous copies land at a random legal moment instead of the latest
  bool counters = true;         ///< account for memory traffic and bank conflicts too
  std::uint64_t max_instructions = 1ull << 40; ///< of one block, before it counts as hanging
};

/// A device that runs PTX on the host. It is the same for every run of one seed. launch() returns when the kernel is done.
std::unique_ptr<Device> makeEmulatedDevice(const Options& options = {});

} // namespace attune::emulator
