#pragma once

#include "attune/attune.hpp"
#include "autotune/cli/SpecOptions.h"
#include "autotune/search/Tuner.h"

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace attune::cli {

/// "1,8,1024..8192": numbers, and ranges in steps of two (1024, 2048, 4096, 8192). Throws UsageError.
std::vector<std::int64_t> integers(const std::string& option, const std::string& text);

/// One record to be made.
struct TuneItem {
  std::string label;  ///< "qwen2.5-7b decode batch=1 q_len=1 kv_len=8192 sm_90a"
  std::string series; ///< the same for items that differ in their lengths only: "qwen2.5-7b decode, batch 1"
  AttentionSpec spec;
  Problem shape; ///< of a bucket
  std::string arch;
};

/// The arguments of tune and precompute.
class TuneOptions {
public:
  TuneOptions(CLI::App& app, const char* default_effort);

  /// All combinations, each bucket once, in one order everywhere; of them those of the shard.
  std::vector<TuneItem> items() const;
  /// What is tuned, in a line: "qwen2.5-7b, llama-3-8b".
  std::string title() const;
  schedules::Effort effort() const { return schedules::effortFromText(effort_); }

  std::string device = "auto";
  std::string report;    ///< HTML file; empty: none
  unsigned jobs = 0;     ///< of compilation; 0: one per core
  double time_limit = 0; ///< seconds; 0: none
  bool dry_run = false, fresh = false;

private:
  std::vector<std::pair<std::string, AttentionSpec>> specs() const;
  std::vector<std::string> phases() const;
  std::vector<Problem> shapes(const std::string& phase) const;

  std::string spec_, effort_, phases_, batches_ = "1", q_lens_, kv_lens_ = "1024..8192", archs_, shard_;
  std::vector<std::string> presets_;
};

} // namespace attune::cli
