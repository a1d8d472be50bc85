#pragma once

#include "autotune/search/Surrogate.h"
#include "autotune/search/Tuner.h"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace attune::autotune {

/// A candidate of a search.
struct Arm {
  Candidate candidate;
  std::string text;
  double predicted_us = 0;
  std::vector<double> at; ///< coordinates
  std::vector<double> samples;
  Timing timing;
  std::string rejected;
};

/// The candidates of a search and what is known of each. Indices are stable.
class Arms {
public:
  /// Of each schedule the chunk counts near the model's choice.
  Arms(const AttentionSpec& spec, const Problem& problem, const Machine& machine,
       const std::vector<Schedule>& schedules, Screen screen);

  const Arm& operator[](std::size_t i) const { return arms_[i]; }
  std::size_t indexOf(const Candidate& candidate); ///< added if it is not there
  std::vector<std::size_t> byPrediction() const;   ///< best first, one chunk count of each schedule
  std::size_t measured() const;                    ///< how many have samples

  void record(std::size_t arm, const std::vector<double>& samples_us);
  void reject(std::size_t arm, const std::string& reason) { arms_[arm].rejected = reason; }
  void recall(const Trial& trial); ///< ignores candidates that are not in the space

  /// Up to `count` arms without samples, the most promising by measured and predicted times. None that, with
  /// `certain` deviations, cannot gain `worth` on the best.
  std::vector<std::size_t> promising(std::size_t count, double exploration, double certain, double worth) const;
  /// Up to `count` arms without samples that are one step away from an arm, best predicted first.
  std::vector<std::size_t> neighbours(std::size_t of, std::size_t count) const;
  /// Of each schedule, its best predicted chunk count and the next ones.
  std::vector<std::size_t> aroundBestSplits() const;
  /// Those whose schedules pass the screen, compiled all at once.
  std::vector<std::size_t> usable(const std::vector<std::size_t>& arms);

  bool faster(std::size_t a, std::size_t b) const; ///< by time, then by text
  std::vector<std::size_t> fastest(std::size_t count) const;
  /// All that were measured or rejected (or all, if not `only_measured`: the best predicted ones), best first.
  std::vector<Trial> trials(bool only_measured) const;

private:
  void add(const Candidate& candidate);
  bool isOpen(const Arm& arm) const; ///< nothing speaks against it

  const AttentionSpec& spec_;
  const Problem& problem_;
  const Machine& machine_;
  Screen screen_;
  std::vector<Arm> arms_;
  std::map<std::string, std::size_t> by_text_;
  std::map<std::string, std::string> screened_; ///< by schedule: what the screen said, or nothing
};

} // namespace attune::autotune
