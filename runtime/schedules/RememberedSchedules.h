#pragma once

#include "attune/attune.hpp"
#include "runtime/schedules/Content.h"

#include <cstdint>
#include <mutex>

namespace attune::schedules {

/// A provider that decides once per request: deciding takes longer than all else of a prepare() that finds its kernels.
class RememberedSchedules : public ScheduleProvider {
public:
  Choice choose(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                int splits) const final;

protected:
  /// May be asked twice for one request, by threads that come at the same time.
  virtual Choice decide(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                        int splits) const = 0;
  /// What was decided so far may be decided otherwise from now on.
  void forget() const;

private:
  mutable std::mutex mutex_;            ///< of what follows
  mutable ByContent<Choice> known_;     ///< by all that decides
  mutable std::uint64_t forgotten_ = 0; ///< times: a decision from before is not kept
};

} // namespace attune::schedules
