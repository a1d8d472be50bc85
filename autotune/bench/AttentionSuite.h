#pragma once

#include "autotune/bench/Facts.h"
#include "autotune/bench/Suites.h"
#include "autotune/measure/Verifier.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace attune::bench {

/// What became of a case.
struct CaseResult {
  Case measured;
  std::string failure; ///< what was wrong at a small size, or why it did not run; then it is not timed
  std::string skipped; ///< why this device can't run it: no failure
  std::string schedule;
  int splits = 0;
  std::optional<Measurement> us; ///< of all its kernels; none on the emulated device
  nlohmann::json clocks;         ///< while it ran
};

double tflops(const CaseResult& result); ///< of a case that was timed
double gbytesPerSecond(const CaseResult& result);
/// "right", what is wrong, or why it was not run.
std::string resultOf(const CaseResult& result);
/// The ceiling that its FLOPs are a share of.
const char* matmulOf(DType dtype);

/// Runs cases as they are deployed: stored schedules, graph replay, tensors that are not in L2. Each is compared with
/// the fp64 reference at a small size first; on the emulated device that is all, with tiny lengths.
class AttentionSuite {
public:
  /// `ordinal`: of a GPU, as the driver counts; its clocks are read.
  AttentionSuite(const std::shared_ptr<Device>& device, std::shared_ptr<const ScheduleProvider> schedules,
                 std::uint64_t seed, int ordinal);

  CaseResult run(const Case& c, int samples);

  /// How times are taken, in words.
  static const char* policy();

private:
  std::string check(const Case& c, const Plan& plan);
  Measurement time(const Case& c, const Plan& plan, int samples, nlohmann::json& clocks);

  std::shared_ptr<Device> device_;
  Engine engine_;
  Clocks clocks_;
  std::uint64_t seed_;                                                   ///< of the tensors that are timed on
  std::map<std::string, std::unique_ptr<autotune::Verifier>> verifiers_; ///< by spec: their references take a while
  std::map<std::string, std::string> checked_;                           ///< by spec and schedule: what was wrong
};

} // namespace attune::bench
