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

/// Up to the next length of six binary digits: 32 to an octave. The steps below 4096 divide 64, so tiles of rows stay
/// as many as they were.
std::int64_t coarse(std::int64_t n) {
  constexpr int digits = 6;
  const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(n, 0))));
  const std::int64_t step = std::int64_t{1} << std::max(bits - digits, 0);
  return (n + step - 1) / step * step;
}

} // namespace

Problem bucketOf(const Problem& p) {
  Problem bucket{.batch = nearestStep(p.batch), .q_len = nearestStep(p.q_len), .kv_len = nearestStep(p.kv_len)};
  bucket.q_total = bucket.batch * bucket.q_len;
  return bucket;
}

std::string toText(const Problem& p) { return fmt::format("batch={} q_len={} kv_len={}", p.batch, p.q_len, p.kv_len); }

Adapter::Adapter(std::vector<Finding> findings, const Problem& from, const AttentionSpec& spec, Machine machine)
    : spec_(spec), machine_(std::move(machine)) {
  const Target& limits = target(machine_.device.arch);
  for (Finding& f : findings)
    if (!rejection({spec, limits, from}, f.candidate.schedule, /*lengths_too=*/false)) {
      const double predicted = predict(spec, from, f.candidate, machine_).us;
      ready_.push_back({std::move(f), predicted});
    }
}

std::optional<Candidate> Adapter::best(const Problem& to) const {
  std::optional<Candidate> best;
  double least = 1e300;
  for (const auto& [finding, predicted_us] : ready_) {
    const Schedule& schedule = finding.candidate.schedule;
    const Candidate moved{schedule, nearestCount(splitCounts(spec_, to, schedule), finding.candidate.splits)};
    const double us = finding.us * predict(spec_, to, moved, machine_).us / predicted_us;
    if (us < least)
      least = us, best = finding.candidate;
  }
  return best;
}

std::optional<Candidate> Adapter::at(const Problem& to) const {
  const Problem like{
      .batch = to.batch, .q_len = coarse(to.q_len), .kv_len = coarse(to.kv_len), .q_total = coarse(to.q_total)};
  const Key key{like.batch, like.q_len, like.kv_len, like.q_total};
  std::optional<Candidate> choice;
  const auto known = [&] {
    const std::scoped_lock lock(mutex_);
    const auto found = known_.find(key);
    return found != known_.end() && (choice = found->second, true);
  };
  if (!known()) {
    choice = best(like); // several threads may ask the model at once; it tells them the same
    const std::scoped_lock lock(mutex_);
    if (known_.size() >= most_known)
      known_.clear();
    known_[key] = choice;
  }
  if (choice)
    choice->splits = nearestCount(splitCounts(spec_, to, choice->schedule), choice->splits);
  return choice;
}

} // namespace attune::schedules
