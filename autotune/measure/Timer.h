#pragma once

#include "autotune/Vocabulary.h"
#include "runtime/schedules/Trial.h"

#include <vector>

namespace attune::autotune {

/// Of samples in any order; none gives an infinite time.
Timing summarize(std::vector<double> samples_us);

/// Takes times. Implementations: DeviceTimer (a GPU), and the tests' simulated device.
class Timer {
public:
  virtual ~Timer() = default;
  /// One value per sample, in microseconds. Throws DeviceError if the candidate does not run.
  virtual std::vector<double> time(const Candidate& candidate, int samples) = 0;
};

} // namespace attune::autotune
