#include "runtime/schedules/Buckets.h"

#include "runtime/model/CostModel.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

namespace attune::schedules {

namespace {

/// 1, 2, 3, 4, 6, 8, 12, 16, ...: two to the octave; the one that is nearest by ratio.
std::int64_t nearestStep(std::int64_t n) {
  if (n < 1)
    return n;
  std::int64_t best = 1;
  for (std::int64_t power = 1; power <= n; power *= 2)
    for (const std::int64_t step : {power, 3 * power / 2, 2 * power})
      if (std::abs(std::log(static_cast<double>(step) / static_cast<double>(n))) <
          std::abs(std::log(static_cast<double>(best) / static_cast<double>(n))))
        best = step;
  return best;
}

/// The valid chunk count closest to a measured one, by ratio.
int nearestCount(const std::vector<int>& counts, double wanted) {
  return *std::ranges::min_element(counts, {}, [&](int n) { return std::abs(std::log(n / wanted)); });
}

} // namespace

Problem bucketOf(const Problem& p) {
  Problem bucket{.batch = nearestStep(p.batch), .q_len = nearestStep(p.q_len), .kv_len = nearestStep(p.kv_len)};
  bucket.q_total = bucket.batch * bucket.q_len;
  return bucket;
}

std::string toText(const Problem& p) { return fmt::format("batch={} q_len={} kv_len={}", p.batch, p.q_len, p.kv_len); }

std::optional<Candidate> adapt(const std::vector<Finding>& findings, const Problem& from, const AttentionSpec& spec,
                               const Problem& to, const Machine& machine) {
  const Target& limits = target(machine.device.arch);
  std::optional<Candidate> best;
  double least = 1e300;
  for (const Finding& finding : findings) {
    const Schedule& schedule = finding.candidate.schedule;
    if (rejection({spec, limits, to}, schedule, /*lengths_too=*/false) ||
        rejection({spec, limits, from}, schedule, /*lengths_too=*/false))
      continue;
    const Candidate moved{schedule, nearestCount(splitCounts(spec, to, schedule), finding.candidate.splits)};
    const double us =
        finding.us * predict(spec, to, moved, machine).us / predict(spec, from, finding.candidate, machine).us;
    if (us < least)
      least = us, best = moved;
  }
  return best;
}

} // namespace attune::schedules
