#pragma once

#include "runtime/model/Machine.h"
#include "runtime/model/Work.h"

#include <utility>
#include <vector>

namespace attune::model {

/// One thing that takes time, had it the device to itself.
struct Term {
  const char* name; ///< "tensor"
  const char* what; ///< for people
  double us = 0;
};

/// A predicted time and where it comes from. README.md derives it.
struct Cost {
  double us = 0;           ///< of a launch: all kernels, back to back
  double fold_us = 0;      ///< of it, attention_forward or attention_partial
  double combine_us = 0;   ///< of it, attention_combine with its launch
  std::int64_t blocks = 0; ///< of the fold's grid: row tiles x heads x batch x chunks
  std::int64_t slots = 0;  ///< blocks that the device runs at once
  double waves = 0;        ///< blocks per slot
  int blocks_per_multiprocessor = 0;
  const char* bound = "";  ///< the term that decides: without it, the rest would take less
  std::vector<Term> terms; ///< longest first; they overlap, so their sum is more than fold_us
};

/// Works without the device. Throws InternalError for a schedule that does not fit it (schedules/Rules filter those).
Cost predict(const AttentionSpec& spec, const Problem& problem, const Candidate& candidate, const Machine& machine);

/// Numbers of chunks that a schedule may get, and what each takes. More than fill the device `enough_waves` times are
/// left out: they could only add to the combine kernel's work.
constexpr double enough_waves = 4;
std::vector<std::pair<int, Cost>> costsBySplits(const AttentionSpec& spec, const Problem& problem,
                                                const Schedule& schedule, const Machine& machine);

/// The candidate of a schedule with the least predicted time among costsBySplits(); of equals the one with fewer
/// chunks.
Candidate bestSplits(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule,
                     const Machine& machine);

} // namespace attune::model
