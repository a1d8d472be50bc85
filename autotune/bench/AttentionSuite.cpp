#include "autotune/bench/AttentionSuite.h"

#include "autotune/measure/Inputs.h"

#include <algorithm>

#include <fmt/format.h>

namespace attune::bench {

double tflops(const CaseResult& result) { return flops(result.measured) / result.us->value * 1e-6; }

double gbytesPerSecond(const CaseResult& result) { return bytes(result.measured) / result.us->value * 1e-3; }

std::string resultOf(const CaseResult& result) {
  return !result.skipped.empty() ? "skipped: " + result.skipped : result.failure.empty() ? "right" : result.failure;
}

const char* matmulOf(DType dtype) { return dtype == DType::E4M3 ? "fp8_matmul" : "bf16_matmul"; }

AttentionSuite::AttentionSuite(const std::shared_ptr<Device>& device, std::shared_ptr<const ScheduleProvider> schedules,
                               std::uint64_t seed, int ordinal)
    : device_(device), engine_(device, std::move(schedules)), clocks_(device->properties(), ordinal), seed_(seed) {}

const char* AttentionSuite::policy() {
  return "GPU events around replays of a graph of whole launches, at least 2 ms a sample; tensors rotate through three "
         "times L2; the median of the samples; clocks as the driver leaves them";
}

CaseResult AttentionSuite::run(const Case& c, int samples) {
  CaseResult result{.measured = device_->properties().emulated ? tiny(c) : c};
  try {
    const Plan plan = engine_.prepare(c.spec, result.measured.problem());
    result.schedule = toText(plan.schedule());
    result.splits = plan.splits();
    result.failure = check(result.measured, plan);
    if (result.failure.empty() && !device_->properties().emulated)
      result.us = time(c, plan, samples, result.clocks);
  } catch (const UserError& e) {
    (e.kind == UserError::Kind::Unsupported ? result.skipped : result.failure) = e.what();
  } catch (const DeviceError& e) {
    result.failure = e.what();
  }
  return result;
}

std::string AttentionSuite::check(const Case& c, const Plan& plan) {
  const bool decodes = c.problem().q_len <= 8;
  const std::string key = fmt::format("{} {} {}", specToJson(c.spec), decodes, c.spec.varlen ? c.name : "");
  const schedules::Candidate candidate{plan.schedule(), std::min(plan.splits(), 4)};
  const auto [known, is_new] = checked_.try_emplace(key + schedules::toText(candidate));
  if (is_new) {
    auto& verifier = verifiers_[key];
    if (verifier == nullptr)
      verifier =
          std::make_unique<autotune::Verifier>(device_, c.spec, c.problem(), c.spec.varlen ? &c.lengths : nullptr);
    known->second = verifier->failure(candidate).value_or("");
  }
  return known->second;
}

Measurement AttentionSuite::time(const Case& c, const Plan& plan, int samples, nlohmann::json& clocks) {
  const Problem problem = c.problem();
  const std::size_t sets = autotune::coldSets(static_cast<std::size_t>(bytes(c)), device_->properties());
  std::vector<std::unique_ptr<autotune::Inputs>> inputs;
  inputs.reserve(sets);
  for (std::size_t n = 0; n < sets; ++n)
    inputs.push_back(
        std::make_unique<autotune::Inputs>(device_, c.spec, problem, c.spec.varlen ? &c.lengths : nullptr, seed_));
  std::size_t next = 0;
  return onDevice(
      *device_, samples, [&](void* stream) { engine_.launch(plan, inputs[next++ % sets]->tensors(), stream); },
      [&] { clocks = clocks_.read(); }, 2000, static_cast<int>(sets));
}

} // namespace attune::bench
