#pragma once

#include "runtime/schedules/RecordStore.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace attune::schedules {

/// Stored choices for the engine: those of the shape's bucket, adapted to the shape. Where there is no record, and for
/// what records do not decide (a chunk count that the caller fixed, batch_invariant), the engine's own cost model.
class TunedSchedules final : public ScheduleProvider {
public:
  explicit TunedSchedules(cache::StoreOptions options, Policy policy = {});

  Choice choose(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                int splits) const override;

  /// The record that decides, if one does.
  std::optional<Record> record(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device) const;

private:
  mutable std::mutex mutex_;
  mutable RecordStore store_;
  mutable std::map<std::string, Choice> chosen_; ///< by spec, shape and device class
  std::string policy_;
  std::shared_ptr<const ScheduleProvider> untuned_ = costModel();
};

} // namespace attune::schedules
