#include "autotune/search/Tuner.h"

#include "autotune/search/Arms.h"

#include "attune/compiler/Error.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

namespace attune::autotune {

namespace {

constexpr std::size_t round_size = 3;     ///< candidates compiled and measured before the surrogate is asked again
constexpr std::size_t finalists = 8;      ///< of which halving begins
constexpr int final_samples = 32;         ///< of each that gets to the last round
constexpr double exploration = 1.0;       ///< standard deviations of optimism when choosing what to measure
constexpr double estimate_margin = 0.1;   ///< by how much a prediction must beat the default schedule's
constexpr std::size_t estimate_batch = 4; ///< favourites compiled at a time, until one passes
constexpr double certain = 2.0;           ///< standard deviations that make "cannot win"
constexpr double not_worth_it = 0.005;    ///< a gain below this ends the search

class Search {
public:
  Search(const AttentionSpec& spec, const Problem& problem, const Machine& machine, Timer* timer, const Screen& screen,
         const TuneOptions& options)
      : spec_(spec), problem_(problem), machine_(machine), timer_(timer), options_(options),
        space_(enumerate({spec, target(machine.device.arch), problem})),
        arms_(spec, problem, machine, space_.feasible, screen) {
    result_.effort = options.effort;
    result_.feasible = space_.feasible.size();
    for (const Rejection& r : space_.rejected)
      ++result_.broken_rules[r.rule->name];
    result_.default_choice = costModel()->choose(spec, problem, machine.device, 0);
    default_ = arms_.indexOf(result_.default_choice);
  }

  Tuning run() {
    if (options_.effort == Effort::Estimate)
      return estimate();
    for (const Trial& trial : options_.known)
      arms_.recall(trial);
    if (!arms_.usable({default_}).empty())
      measure(default_, options_.policy.samples);
    if (options_.effort == Effort::Measure)
      explore();
    else
      measureAll();
    halve();
    return decide();
  }

private:
  /// The model's favourite that the screen lets pass, if it promises enough over the default: that one is known not to
  /// spill, and the model errs.
  Tuning estimate() {
    const std::vector<std::size_t> order = arms_.byPrediction();
    const double usual = arms_[default_].predicted_us;
    for (std::size_t n = 0; n < order.size() && !stopped(); n += estimate_batch) {
      const auto batch = std::span(order).subspan(n, std::min(estimate_batch, order.size() - n));
      if (usual < arms_[batch[0]].predicted_us * (1 + estimate_margin))
        break;
      const std::vector<std::size_t> good = arms_.usable({batch.begin(), batch.end()});
      if (!good.empty() && usual >= arms_[good[0]].predicted_us * (1 + estimate_margin))
        return finish(arms_[good[0]], fmt::format("predicted {:.0f} % faster than the default schedule; not measured",
                                                  100 * (usual / arms_[good[0]].predicted_us - 1)));
    }
    return finish(arms_[default_], fmt::format("the default schedule: nothing is predicted to be {:.0f} % faster; not "
                                               "measured",
                                               100 * estimate_margin));
  }

  bool stopped() {
    if (options_.stop && options_.stop())
      result_.complete = false;
    return !result_.complete;
  }

  /// Rounds of what may win: the model's favourites first, corrected by every time taken. When the surrogate is sure,
  /// the neighbours of the best are asked too, since it may be sure of something wrong.
  void explore() {
    while (!stopped() && arms_.measured() < static_cast<std::size_t>(options_.most_candidates)) {
      const std::size_t count =
          std::min(round_size, static_cast<std::size_t>(options_.most_candidates) - arms_.measured());
      std::vector<std::size_t> round = arms_.promising(count, exploration, certain, not_worth_it);
      const std::vector<std::size_t> best = arms_.fastest(1);
      if (round.empty() && !best.empty())
        round = arms_.neighbours(best[0], count);
      if (round.empty())
        break; // what is left cannot win
      followClock();
      for (const std::size_t i : arms_.usable(round))
        if (!stopped())
          measure(i, options_.policy.samples);
    }
  }

  void measureAll() {
    const std::vector<std::size_t> all = arms_.usable(arms_.aroundBestSplits());
    for (std::size_t n = 0; n < all.size() && !stopped(); ++n) {
      if (n % round_size == 0)
        followClock();
      if (arms_[all[n]].samples.empty())
        measure(all[n], options_.policy.samples);
    }
  }

  /// Successive halving: the survivors get twice the samples, the worse half and those that are behind for sure go.
  void halve() {
    std::vector<std::size_t> left = arms_.fastest(finalists);
    for (int samples = 2 * options_.policy.samples; left.size() > 1 && samples <= final_samples; samples *= 2) {
      if (stopped())
        return;
      followClock();
      for (const std::size_t i : left)
        measure(i, samples - arms_[i].timing.samples);
      std::ranges::sort(left, [&](std::size_t a, std::size_t b) { return arms_.faster(a, b); });
      left.resize((left.size() + 1) / 2);
      const Timing& best = arms_[left.front()].timing;
      std::erase_if(left, [&](std::size_t i) {
        const Timing& t = arms_[i].timing;
        return t.us * (1 - certain * t.error()) > best.us * (1 + certain * best.error());
      });
    }
    // The default gets a fair hearing: as many samples as the winner.
    const std::vector<std::size_t> best = arms_.fastest(1);
    if (!best.empty() && !stopped() && arms_[default_].rejected.empty())
      measure(default_, arms_[best[0]].timing.samples - arms_[default_].timing.samples);
  }

  Tuning decide() {
    const std::vector<std::size_t> best = arms_.fastest(1);
    if (best.empty())
      return finish(arms_[default_], "nothing was measured");
    const Arm &winner = arms_[best[0]], &usual = arms_[default_];
    if (!usual.rejected.empty() || usual.samples.empty())
      return finish(winner, "the least measured time; the default schedule could not be measured: " + usual.rejected);
    const double gain = usual.timing.us / winner.timing.us - 1;
    if (best[0] == default_)
      return finish(winner, "nothing that was measured is faster than the default schedule");
    if (gain < options_.policy.margin)
      return finish(usual, fmt::format("the default schedule: the fastest is {:.1f} % ahead, and it takes {:.1f} % to "
                                       "replace it",
                                       100 * gain, 100 * options_.policy.margin));
    return finish(winner, fmt::format("measured {:.1f} % faster than the default schedule", 100 * gain));
  }

  Tuning finish(const Arm& chosen, std::string reason) {
    const bool measured = options_.effort != Effort::Estimate;
    result_.chosen = chosen.candidate;
    result_.us = measured ? chosen.timing.us : chosen.predicted_us;
    result_.default_us = measured ? arms_[default_].timing.us : arms_[default_].predicted_us;
    result_.reason = std::move(reason);
    result_.trials = arms_.trials(measured);
    result_.candidates = static_cast<int>(arms_.measured());
    return std::move(result_);
  }

  /// Times are relative to the default choice's at the start: clocks drift, and all candidates with them.
  void followClock() {
    if (first_reference_ == 0 || !arms_[default_].rejected.empty())
      return;
    constexpr int enough = 5; // of three samples, two are outliers once in a hundred rounds
    const Timing now = summarize(take(default_, enough));
    if (now.samples == 0)
      return;
    clock_ = now.us / first_reference_;
    result_.slowest_reference = std::max(result_.slowest_reference, clock_);
  }

  std::vector<double> take(std::size_t arm, int samples) {
    try {
      std::vector<double> us = timer_->time(arms_[arm].candidate, samples);
      result_.samples += static_cast<int>(us.size());
      return us;
    } catch (const DeviceError& e) { // it does not run, or not right: others may
      arms_.reject(arm, e.what());
      return {};
    }
  }

  void measure(std::size_t arm, int samples) {
    if (samples <= 0)
      return;
    std::vector<double> us = take(arm, samples);
    for (double& t : us)
      t /= clock_;
    arms_.record(arm, us);
    if (arm == default_ && first_reference_ == 0 && !us.empty())
      first_reference_ = arms_[arm].timing.us;
    if (options_.on_measured)
      options_.on_measured(arms_.trials(true));
  }

  const AttentionSpec& spec_;
  const Problem& problem_;
  const Machine& machine_;
  Timer* timer_;
  const TuneOptions& options_;
  Space space_;
  Arms arms_;
  Tuning result_;
  std::size_t default_ = 0;
  double first_reference_ = 0, clock_ = 1;
};

} // namespace

Tuning tune(const AttentionSpec& spec, const Problem& problem, const Machine& machine, Timer* timer,
            const Screen& screen, const TuneOptions& options) {
  return Search(spec, problem, machine, timer, screen, options).run();
}

Record recordOf(const AttentionSpec& spec, const Problem& bucket, const Machine& machine, const Policy& policy,
                Tuning tuning) {
  return {.spec = spec,
          .shape = bucket,
          .device_class = deviceClass(machine.device),
          .device = machine.device.name,
          .effort = tuning.effort,
          .policy = tuning.effort == Effort::Estimate ? std::string(toText(tuning.effort)) : toText(policy),
          .chosen = tuning.chosen,
          .default_choice = tuning.default_choice,
          .us = tuning.us,
          .default_us = tuning.default_us,
          .reason = std::move(tuning.reason),
          .trials = std::move(tuning.trials),
          .complete = tuning.complete};
}

} // namespace attune::autotune
