#pragma once

#include "runtime/model/Machine.h"
#include "runtime/schedules/Space.h"

#include <optional>
#include <string>
#include <vector>

namespace attune::schedules {

/// The shape that stands for a problem: batch, q_len and kv_len rounded to powers of two (to the nearer one, by ratio).
/// One query stays one query. Two problems share a record if their buckets are equal.
Problem bucketOf(const Problem& problem);
std::string toText(const Problem& bucket); ///< "batch=8 q_len=1 kv_len=4096"

/// What was found at a bucket's shape, in short: a candidate with its time.
struct Finding {
  Candidate candidate;
  double us = 0;
};

/// The best of a bucket's findings at another shape of it: each finding's time is moved to the new shape by the ratio
/// of the model's predictions. Its chunk count stays, or becomes the nearest that leaves no chunk empty: what was
/// measured is a better guide than a model's choice of another count (README.md). Findings that the shape cannot run
/// are passed over. Nothing if there is none left.
std::optional<Candidate> adapt(const std::vector<Finding>& findings, const Problem& from, const AttentionSpec& spec,
                               const Problem& to, const Machine& machine);

} // namespace attune::schedules
