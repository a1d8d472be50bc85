#pragma once

#include "runtime/cache/EntryStore.h"
#include "runtime/schedules/Buckets.h"
#include "runtime/schedules/Trial.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune::schedules {

/// What was found for one spec at one bucket's shape on one class of devices.
struct Record {
  AttentionSpec spec;
  Problem shape;            ///< of the bucket
  std::string device_class; ///< model::deviceClass()
  std::string device;       ///< it was made for or on; information only: "NVIDIA H200"
  Effort effort = Effort::Estimate;
  std::string policy; ///< of the measurement; "estimate" if there was none
  Candidate chosen, default_choice;
  double us = 0, default_us = 0;
  std::string reason;
  std::vector<Trial> trials; ///< best first
  bool complete = true;      ///< false: of a search that was stopped, to be taken up again
};

/// The full key: of all specs with the same kernels. It names the compiler that made the kernels (attune::generator()),
/// for those of another may be faster or slower, and for an estimate the model too (chooser()): what other versions
/// recorded is not read. (Right results do not hang on it: compiled kernels are found by their text.) Measurements
/// under different policies are variants of one text.
cache::Key keyOf(const Record& record);
cache::Key keyOf(const AttentionSpec& spec, const Problem& bucket, const std::string& device_class,
                 const std::string& policy);

/// JSON, one line.
std::string toPayload(const Record& record);
/// Nothing for what is no record.
std::optional<Record> recordFromPayload(std::string_view payload);

/// Findings of a record that another shape of its bucket may be adapted from: the chosen one first, and all others that
/// are not half as slow again. More than a few count: at 192 rows the best all have tiles of 192, which waste half of
/// 212.
std::vector<Finding> findings(const Record& record);

} // namespace attune::schedules
