#pragma once

#include "autotune/report/Survey.h"

#include <nlohmann/json_fwd.hpp>

namespace attune::cli {

/// {chosen, words, by, reason, predicted_us, bound, terms, runner_up, ranked, feasible, rejected, predicted_by_splits,
/// and with a stored record: record}
nlohmann::json toJson(const autotune::Survey& survey);

/// What was chosen, why, and what came second.
void printVerdict(const autotune::Survey& survey);
/// What the predicted time is made of, the best candidates, chunk counts, and what was rejected by which rule.
void printReasons(const autotune::Survey& survey);

} // namespace attune::cli
