#include "autotune/measure/DeviceTimer.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace attune::autotune {

Stopwatch eventStopwatch(std::shared_ptr<Device> device) {
  return [device = std::move(device)](const std::function<void()>& work) {
    const auto from = device->record();
    work();
    return device->microseconds(*from, *device->record());
  };
}

DeviceTimer::DeviceTimer(std::shared_ptr<Device> device, const AttentionSpec& spec, const Problem& problem,
                         const Policy& policy, Stopwatch stopwatch)
    : engine_(device), spec_(spec), problem_(problem), policy_(policy), stopwatch_(std::move(stopwatch)),
      verifier_(device, spec, problem) {
  const std::size_t sets = policy.cold_l2 ? coldSets(bytesOf(spec, problem), device->properties()) : 1;
  for (std::size_t n = 0; n < sets; ++n)
    inputs_.push_back(std::make_unique<Inputs>(device, spec, problem));
}

void DeviceTimer::launch(const Plan& plan) {
  engine_.launch(plan, inputs_[next_]->tensors());
  next_ = (next_ + 1) % inputs_.size();
}

std::vector<double> DeviceTimer::time(const Candidate& candidate, int samples) {
  if (!verified_.contains(toText(candidate))) {
    if (const auto wrong = verifier_.failure(candidate))
      throw DeviceError("wrong result: " + *wrong);
    verified_.insert(toText(candidate));
  }
  const int splits = spec_.batch_invariant || !candidate.schedule.split_kv ? 0 : candidate.splits;
  const Plan plan = engine_.prepare(spec_, problem_, {.schedule = candidate.schedule, .splits = splits});
  for (int n = 0; n < policy_.warm_ups; ++n)
    launch(plan);
  engine_.device().synchronize();

  // Events tick in half microseconds, and the first launch of an idle device costs extra: a sample of a short kernel is
  // several launches.
  constexpr double long_enough = 200; // microseconds
  const double once = stopwatch_([&] { launch(plan); });
  const int repeat = std::clamp(static_cast<int>(std::ceil(long_enough / std::max(once, 0.1))), 1, 50);
  std::vector<double> us;
  for (int n = 0; n < samples; ++n)
    us.push_back(stopwatch_([&] {
                   for (int i = 0; i < repeat; ++i)
                     launch(plan);
                 }) /
                 repeat);
  return us;
}

} // namespace attune::autotune
