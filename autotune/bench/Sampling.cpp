#include "autotune/bench/Sampling.h"

#include "autotune/measure/Timer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace attune::bench {

namespace {

double milliseconds(const std::function<void()>& work, int turns) {
  const auto start = std::chrono::steady_clock::now();
  for (int n = 0; n < turns; ++n)
    work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// Between an event before and an event after one replay, per turn.
double replayed(Device& device, const DeviceGraph& graph, int turns, const std::function<void()>& while_busy) {
  const auto from = device.record();
  device.replay(graph);
  const auto to = device.record();
  if (while_busy)
    while_busy();
  return device.microseconds(*from, *to) / turns;
}

} // namespace

Measurement summary(std::vector<double> samples) {
  const schedules::Timing timing = autotune::summarize(std::move(samples));
  return {timing.us, timing.spread, timing.samples};
}

Measurement scaled(const Measurement& m, double factor) { return {m.value * factor, m.spread, m.samples}; }

Measurement rate(const Measurement& time, double per_turn) {
  return {per_turn / time.value, time.spread, time.samples};
}

Measurement onHost(int samples, const std::function<void()>& work, const std::function<void()>& first) {
  constexpr double long_enough = 20; // milliseconds
  std::vector<double> taken;
  int turns = 1;
  while (static_cast<int>(taken.size()) < samples) {
    if (first)
      first();
    const double ms = milliseconds(work, turns);
    if (ms >= long_enough || first) { // what needs preparation is timed one by one
      taken.push_back(ms / turns);
      continue;
    }
    turns = static_cast<int>(std::clamp(1.2 * turns * long_enough / std::max(ms, 1e-3), 2.0 * turns, 1e8));
  }
  return summary(std::move(taken));
}

Measurement onDevice(Device& device, int samples, const std::function<void(void* stream)>& work,
                     const std::function<void()>& while_busy, double sample_us, int rotation) {
  const auto once = device.capture(work);
  replayed(device, *once, 1, {}); // the first launch of a kernel costs extra
  const double us = std::max(replayed(device, *once, 1, {}), 0.5);
  const int enough = static_cast<int>(std::clamp(std::ceil(sample_us / us), 1.0, 1000.0));
  const int turns = (enough + rotation - 1) / rotation * rotation;
  const auto graph = device.capture([&](void* stream) {
    for (int n = 0; n < turns; ++n)
      work(stream);
  });
  replayed(device, *graph, turns, {});
  std::vector<double> taken;
  taken.reserve(static_cast<std::size_t>(samples));
  for (int n = 0; n < samples; ++n)
    taken.push_back(replayed(device, *graph, turns, n + 1 == samples ? while_busy : std::function<void()>()));
  return summary(std::move(taken));
}

} // namespace attune::bench
