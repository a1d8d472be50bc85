#pragma once

#include "autotune/search/Rank.h"
#include "autotune/store/Record.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace attune::cli {

/// Why a schedule was chosen, and what else there was.
struct ChoiceReport {
  autotune::Candidate chosen;
  std::optional<autotune::Record> record;  ///< that decided; else the engine's default schedules and chunk model did
  autotune::Cost cost;                     ///< predicted, of the chosen one
  std::vector<autotune::Predicted> ranked; ///< by the tuner's model, best first; `chosen` is not always in it
  std::map<std::string, int> broken;       ///< schedules by the rule that rejects them
  std::size_t feasible = 0;
  std::vector<std::pair<int, double>> splits; ///< predicted time of the chosen schedule by chunk count
};

/// `splits`: what the caller asked for, 0 for free choice.
ChoiceReport explainChoice(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                           int splits);

nlohmann::json toJson(const ChoiceReport& report);
void print(const ChoiceReport& report);

} // namespace attune::cli
