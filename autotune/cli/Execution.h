#pragma once

#include "attune/attune.hpp"
#include "autotune/cli/SpecOptions.h"
#include "autotune/cli/Workload.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace attune::cli {

/// The arguments of run and profile.
class RunOptions {
public:
  explicit RunOptions(CLI::App& app);

  Workload workload() const; ///< from --inputs, or random
  PrepareOptions prepare() const;

  SpecOptions spec;
  std::string inputs, output, device = "auto", schedule;
  int splits = 0;
  std::uint64_t seed = 0;
  bool verify = false;
  Shape shape;

private:
  CLI::App* app_;
  std::string arch_;
};

/// What one run of a workload gave.
struct Execution {
  DeviceProperties device;
  Plan plan;
  std::string note; ///< of what was asked for and is not so; empty: nothing
  std::vector<float> o, lse;
  std::optional<reference::Comparison> comparison;        ///< with the fp64 reference, if asked for
  std::vector<std::pair<std::string, Counters>> counters; ///< of each kernel; emulated device only
  double time_us = 0;                                     ///< of all kernels, back to back; GPU only
};

Execution execute(const Workload& workload, const std::string& device, const PrepareOptions& options, bool verify,
                  const CacheOptions& cache = {});

/// {device, kernel, schedule, splits, compile_ms, max_abs_error, error_bound, ok, if there is one note, and on a GPU
/// time_us, tflops, gbytes_per_s}
nlohmann::json toJson(const Workload& workload, const Execution& execution);

double compileMilliseconds(const Plan& plan);
/// Visible pairs count, hidden ones do not: 2 (head_dim + head_dim_v) per pair and q head.
double flops(const Workload& workload);
/// Q, K, V and O once.
double bytes(const Workload& workload);

} // namespace attune::cli
