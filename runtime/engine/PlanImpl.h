#pragma once

#include "attune/attune.hpp"
#include "runtime/engine/KernelCache.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace attune {

/// Loaded kernels under one schedule, with what launches of them need. It does not change once it is made.
struct Variant {
  Schedule schedule;
  int splits = 1;
  std::int64_t split_tiles = 0;
  std::shared_ptr<const CompiledAttention> compiled;
  mutable std::once_flag described;
  mutable std::vector<PlannedKernel> kernels; ///< made when somebody looks
};

/// Kernels under a choice, with the chunks that these shapes get. Throws UserError for a grid that is too large.
std::unique_ptr<const Variant> makeVariant(const AttentionSpec& spec, const Problem& problem,
                                           const ScheduleProvider::Choice& choice,
                                           std::shared_ptr<const CompiledAttention> compiled, const Device& device);
/// Chunks of a choice that need a workspace.
std::int64_t partialsOf(const AttentionSpec& spec, const Problem& problem, const ScheduleProvider::Choice& choice);

struct Plan::Impl {
  std::shared_ptr<Device> device;
  AttentionSpec spec;
  Problem problem;
  DevicePtr o_partial = 0, lse_partial = 0; ///< large enough for both variants

  /// Both live as long as the plan: launches may be under way, and graphs keep what they captured.
  std::unique_ptr<const Variant> general, own;
  std::atomic<const Variant*> current = nullptr; ///< what launches take: one load, whatever the background does
  std::atomic<bool> pending = false;             ///< `own` may still come

  /// Throws DeviceError, and UserError for more bytes than there can be.
  void allocateWorkspace(std::int64_t partials);

  /// The switch. `own` is written before launches can see it, and never again.
  void take(std::unique_ptr<const Variant> variant) {
    own = std::move(variant);
    current.store(own.get(), std::memory_order_release);
  }
  void settle() {
    pending.store(false, std::memory_order_release);
    pending.notify_all();
  }

  ~Impl() {
    if (o_partial)
      device->release(o_partial);
    if (lse_partial)
      device->release(lse_partial);
  }
};

} // namespace attune
