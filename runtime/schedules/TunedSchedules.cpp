#include "runtime/schedules/TunedSchedules.h"

namespace attune::schedules {

TunedSchedules::TunedSchedules(cache::StoreOptions options, Policy policy)
    : store_(std::move(options)), policy_(toText(policy)) {}

std::optional<Record> TunedSchedules::record(const AttentionSpec& spec, const Problem& problem,
                                             const DeviceProperties& device) const {
  return store_.find(spec, bucketOf(problem), deviceClass(device), policy_);
}

ScheduleProvider::Choice TunedSchedules::choose(const AttentionSpec& spec, const Problem& problem,
                                                const DeviceProperties& device, int splits) const {
  if (splits > 0 || spec.batch_invariant)
    return untuned_->choose(spec, problem, device, splits);
  const std::string key = specToJson(spec) + toText(problem) + deviceClass(device);
  const std::scoped_lock lock(mutex_);
  if (const auto known = chosen_.find(key); known != chosen_.end())
    return known->second;
  Choice choice = untuned_->choose(spec, problem, device, 0);
  if (const std::optional<Record> found = record(spec, problem, device))
    choice = adapt(findings(*found), found->shape, spec, problem, machineOf(device)).value_or(choice);
  return chosen_.emplace(key, choice).first->second;
}

} // namespace attune::schedules
