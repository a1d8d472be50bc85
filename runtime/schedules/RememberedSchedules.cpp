#include "runtime/schedules/RememberedSchedules.h"

#include "runtime/schedules/Content.h"

namespace attune::schedules {

ScheduleProvider::Choice RememberedSchedules::choose(const AttentionSpec& spec, const Problem& problem,
                                                     const DeviceProperties& device, int splits) const {
  std::string key = contentOf(spec);
  append(key, spec.batch_invariant), append(key, splits);
  append(key, problem.batch), append(key, problem.q_len), append(key, problem.kv_len), append(key, problem.q_total);
  append(key, device.name), append(key, device.arch), append(key, device.multiprocessors);
  std::uint64_t forgotten = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (const auto known = known_.find(key); known != known_.end())
      return known->second;
    forgotten = forgotten_;
  }
  const Choice choice = decide(spec, problem, device, splits);
  constexpr std::size_t most = 4096; // a process that decodes asks for ever new lengths
  const std::scoped_lock lock(mutex_);
  if (forgotten != forgotten_)
    return choice;
  if (known_.size() >= most)
    known_.clear();
  known_.emplace(std::move(key), choice);
  return choice;
}

void RememberedSchedules::forget() const {
  const std::scoped_lock lock(mutex_);
  known_.clear();
  ++forgotten_;
}

} // namespace attune::schedules
