#include "autotune/measure/Timer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attune::autotune {

namespace {

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1)
    return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

} // namespace

Timing summarize(std::vector<double> samples) {
  Timing timing{.us = std::numeric_limits<double>::infinity(), .samples = static_cast<int>(samples.size())};
  if (samples.empty())
    return timing;
  timing.us = median(samples);
  std::vector<double> distances;
  distances.reserve(samples.size());
  for (const double us : samples)
    distances.push_back(std::abs(us - timing.us));
  // 1.4826: the standard deviation of a normal distribution over its median distance. Timers tick and kernels repeat
  // exactly, so a handful of equal samples is no proof of precision.
  constexpr double least = 0.002;
  timing.spread = std::max(least, 1.4826 * median(distances) / timing.us);
  timing.outliers = static_cast<int>(std::ranges::count_if(
      samples, [&](double us) { return std::abs(us - timing.us) > 5 * timing.spread * timing.us; }));
  return timing;
}

} // namespace attune::autotune
