#pragma once

#include "autotune/model/Machine.h"
#include "autotune/model/Work.h"
#include "autotune/space/Space.h"

#include <string>
#include <vector>

namespace attune::autotune {

/// One thing that takes time, had it the device to itself.
struct Term {
  const char* name; ///< "tensor"
  const char* what; ///< for people
  double us = 0;
};

/// A predicted time and where it comes from. README.md derives it.
struct Cost {
  double us = 0;         ///< of a launch: all kernels, back to back
  double fold_us = 0;    ///< of it, attention_forward or attention_partial
  double combine_us = 0; ///< of it, attention_combine with its launch
  double waves = 0;      ///< blocks per slot
  int blocks_per_multiprocessor = 0;
  const char* bound = "";  ///< the term that decides: without it, the rest would take less
  std::vector<Term> terms; ///< longest first; they overlap, so their sum is more than fold_us
};

/// Works without the device. Throws InternalError for a schedule that does not fit it (space/ filters those).
Cost predict(const AttentionSpec& spec, const Problem& problem, const Candidate& candidate, const Machine& machine);

/// The candidate of a schedule with the least predicted time; of equals the one with fewer chunks.
Candidate bestSplits(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule,
                     const Machine& machine);

/// Candidates, best first; equal times are ordered by their text, the same everywhere.
struct Predicted {
  Candidate candidate;
  double us = 0;
};
/// Each feasible schedule with its best chunk count.
std::vector<Predicted> rank(const AttentionSpec& spec, const Problem& problem, const std::vector<Schedule>& schedules,
                            const Machine& machine);

} // namespace attune::autotune
