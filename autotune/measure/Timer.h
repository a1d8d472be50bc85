#pragma once

#include "autotune/space/Space.h"

#include <string>
#include <vector>

namespace attune::autotune {

/// How times are taken. Its text is part of a record's key: times of different policies are not comparable.
struct Policy {
  int warm_ups = 3;       ///< launches before the first sample of a candidate
  int samples = 5;        ///< of a candidate that is new; survivors get more
  bool cold_l2 = true;    ///< each launch finds its tensors in device memory: buffers rotate through three times L2
  double margin = 0.02;   ///< by how much a winner must beat the default schedule
  double throttled = 0.1; ///< a reference that is this much slower than at the start: the clocks have gone down
};
std::string toText(const Policy& policy);

/// Times of one candidate, in microseconds of a whole launch: all its kernels.
struct Timing {
  double us = 0;     ///< median
  double spread = 0; ///< relative standard deviation of one sample, from the median distance to the median
  int samples = 0;
  int outliers = 0; ///< samples further than five spreads away; they do not move the median, but tell of a busy device

  /// Relative standard error of `us`.
  double error() const;
};

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
