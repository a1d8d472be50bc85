#pragma once

#include "autotune/search/Rank.h"
#include "runtime/schedules/Record.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace attune::autotune {

/// The best schedule with these tile sizes, or the rule that leaves none.
struct TileCell {
  int q_tile = 0, kv_tile = 0;
  std::optional<Predicted> best;
  const Rule* rule = nullptr; ///< if there is no best: the one that the schedules which got farthest break
};

/// All that is known about one choice: why it was taken, and what else there was.
struct Survey {
  AttentionSpec spec;
  Problem problem;
  Machine machine;
  Candidate chosen;
  std::optional<Record> record;               ///< that decided; else the engine's default schedules and chunk model did
  Cost cost;                                  ///< predicted, of the chosen one
  std::vector<Predicted> ranked;              ///< by the cost model, best first; `chosen` is not always in it
  std::map<std::string, int> broken;          ///< schedules by the rule that rejects them
  std::size_t feasible = 0;                   ///< schedules that keep all rules
  std::vector<std::pair<int, double>> splits; ///< predicted time by chunk count, of those that the model
                                              ///< considers (costsBySplits) and the chosen one
  std::vector<TileCell> cells;                ///< in the order of the axes, q_tile first

  bool measured() const { return record && record->effort != Effort::Estimate; }
  /// Of the chosen one: measured if it was, else predicted.
  double us() const { return measured() ? record->us : cost.us; }
};

Survey survey(const AttentionSpec& spec, const Problem& problem, const Machine& machine, const Candidate& chosen,
              std::optional<Record> record);

/// The best other schedule by measured times, else by predicted ones.
struct RunnerUp {
  Candidate candidate;
  double us = 0;
  double behind = 0;     ///< its time over the chosen one's, less one; negative: it is ahead, and was not taken
  const char* rank = ""; ///< "second"; if it is ahead "best predicted" or "best measured"
};
std::optional<RunnerUp> runnerUp(const Survey& survey);

/// Why it was taken, one sentence.
std::string reason(const Survey& survey);

/// Throws InternalError for a name that no rule has.
const Rule& ruleNamed(const std::string& name);

std::string timeText(double us); ///< "9.87 us", "12.3 us", "12.34 ms"

/// "q_tile 64, kv_tile 128, 4 warps, 2 stages, packed GQA, 22 chunks"
std::string inWords(const Candidate& candidate);

} // namespace attune::autotune
