#include "runtime/schedules/RememberedSchedules.h"

namespace attune::schedules {

ScheduleProvider::Choice RememberedSchedules::choose(const AttentionSpec& spec, const Problem& problem,
                                                     const DeviceProperties& device, int splits) const {
  Content key = contentOf(spec);
  key.add(spec.batch_invariant), key.add(splits);
  key.add(problem.batch), key.add(problem.q_len), key.add(problem.kv_len), key.add(problem.q_total);
  key.add(std::string_view(device.name)), key.add(std::string_view(device.arch)), key.add(device.multiprocessors);
  std::uint64_t forgotten = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (const auto known = known_.find(key.bytes()); known != known_.end())
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
  known_.emplace(key.bytes(), choice);
  return choice;
}

void RememberedSchedules::forget() const {
  const std::scoped_lock lock(mutex_);
  known_.clear();
  ++forgotten_;
}

} // namespace attune::schedules
