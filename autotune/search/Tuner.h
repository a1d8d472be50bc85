#pragma once

#include "autotune/measure/Timer.h"
#include "autotune/search/Screen.h"
#include "runtime/model/CostModel.h"
#include "runtime/schedules/Record.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace attune::autotune {

struct TuneOptions {
  Effort effort = Effort::Estimate;
  Policy policy;
  int most_candidates = 48;   ///< that `measure` times
  std::vector<Trial> known;   ///< of an earlier run that was interrupted, under the same policy: not measured again
  std::function<bool()> stop; ///< asked between measurements: a time limit, an interrupt
  std::function<void(const std::vector<Trial>&)> on_measured; ///< all so far, after each measurement
};

/// What tuning found, and how.
struct Tuning {
  Effort effort = Effort::Estimate;
  Candidate chosen;
  double us = 0;            ///< of it: measured, or predicted
  Candidate default_choice; ///< what the engine takes untuned
  double default_us = 0;
  std::string reason; ///< of the choice, one sentence

  std::vector<Trial> trials;               ///< measured or predicted, best first; rejected ones last
  std::map<std::string, int> broken_rules; ///< schedules of the space by the rule that they break
  std::size_t feasible = 0;                ///< schedules that keep all
  int candidates = 0;                      ///< measured
  int samples = 0;                         ///< in all
  double slowest_reference = 1; ///< the default choice's time over that at the start, at worst: what throttling did
  bool complete = true;         ///< not stopped
};

/// Chooses for one spec and problem on one machine. `timer` may be null for `estimate`, which asks none. Equal inputs
/// and times give equal results everywhere: ties go to the candidate whose text is first.
Tuning tune(const AttentionSpec& spec, const Problem& problem, const Machine& machine, Timer* timer,
            const Screen& screen, const TuneOptions& options);

/// What is kept of it. `bucket` is the shape that it was made for.
Record recordOf(const AttentionSpec& spec, const Problem& bucket, const Machine& machine, const Policy& policy,
                Tuning tuning);

} // namespace attune::autotune
