#pragma once

#include "runtime/model/Machine.h"
#include "runtime/schedules/Space.h"

#include <array>
#include <map>
#include <mutex>
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

/// What was found at a bucket's shape, for all its shapes. Thread-safe.
class Adapter {
public:
  /// `from`: the bucket's shape.
  Adapter(std::vector<Finding> findings, const Problem& from, const AttentionSpec& spec, Machine machine);

  /// The best of the findings at another shape: each finding's time is moved there by the ratio of the model's
  /// predictions. Its chunk count stays, or becomes the nearest that leaves no chunk empty: what was measured is a
  /// better guide than a model's choice of another count (README.md). Nothing if the shape can run none of them.
  /// Lengths that differ by a few percent are asked about once: a decoder's next length costs a look-up.
  std::optional<Candidate> at(const Problem& to) const;

private:
  struct Ready {
    Finding finding;
    double predicted_us; ///< at `from`
  };
  std::optional<Candidate> best(const Problem& to) const;

  AttentionSpec spec_;
  Machine machine_;
  std::vector<Ready> ready_; ///< those that the device can run
  mutable std::mutex mutex_;
  using Key = std::array<std::int64_t, 4>; ///< a coarse shape
  static constexpr std::size_t most_known = 4096;
  mutable std::map<Key, std::optional<Candidate>> known_;
};

} // namespace attune::schedules
