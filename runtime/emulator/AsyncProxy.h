#pragma once

#include "runtime/emulator/BulkCopies.h"
#include "runtime/emulator/Mbarriers.h"
#include "runtime/emulator/RegisterPool.h"
#include "runtime/emulator/SharedShadow.h"
#include "runtime/emulator/Wgmma.h"

namespace attune::emulator {

/// What a block has beside its warps where the program is one for Hopper: mbarriers, the units that copy and multiply
/// on their own, and what is known of shared memory for the checks between them.
struct AsyncProxy {
  AsyncProxy(Block& home, std::size_t shared_bytes, const Clocks& clocks, const Options& options)
      : shadow(shared_bytes, clocks, options), barriers(home), copies(home), groups(home), registers(home) {}

  void reset() {
    shadow.reset();
    barriers.reset();
    copies.reset();
    groups.reset();
    registers.reset();
  }

  SharedShadow shadow;
  Mbarriers barriers;
  BulkCopies copies;
  Warpgroups groups;
  RegisterPool registers;
};

} // namespace attune::emulator
