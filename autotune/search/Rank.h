#pragma once

#include "autotune/Vocabulary.h"
#include "runtime/model/CostModel.h"

#include <vector>

namespace attune::autotune {

/// Candidates, best first; equal times are ordered by their text, the same everywhere.
struct Predicted {
  Candidate candidate;
  double us = 0;
};
/// Each feasible schedule with its best chunk count.
std::vector<Predicted> rank(const AttentionSpec& spec, const Problem& problem, const std::vector<Schedule>& schedules,
                            const Machine& machine);

} // namespace attune::autotune
