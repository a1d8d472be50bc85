#pragma once

#include "runtime/schedules/Space.h"

#include <string>
#include <string_view>

// What a record says of how it came about. The tuner (autotune/) fills these in.

namespace attune::schedules {

/// The ladder of effort: each step knows what the one below knows, and more.
enum class Effort {
  Estimate,   ///< the cost model alone
  Measure,    ///< what the model and the measurements so far say may win
  Exhaustive, ///< every schedule that keeps the rules
};
std::string_view toText(Effort effort);
/// Throws UserError with the nearest known name.
Effort effortFromText(std::string_view text);

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

/// One candidate, and what is known of it.
struct Trial {
  Candidate candidate;
  double predicted_us = 0;
  Timing timing;        ///< no samples: it was not measured
  std::string rejected; ///< what the screen said against it, or the device
};

} // namespace attune::schedules
