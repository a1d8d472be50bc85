#pragma once

#include "autotune/measure/Inputs.h"
#include "autotune/measure/Timer.h"
#include "autotune/measure/Verifier.h"

#include <functional>
#include <memory>
#include <set>
#include <vector>

namespace attune::autotune {

/// Microseconds between an event before and an event after the work that a call queues.
using Stopwatch = std::function<double(const std::function<void()>& work)>;
/// By the device's events. Only real GPUs have them.
Stopwatch eventStopwatch(std::shared_ptr<Device> device);

/// Times candidates on a real device, as they are deployed: whole launches, combine included, with tensors that are not
/// in L2. A candidate that is wrong is a DeviceError, and is not timed.
class DeviceTimer final : public Timer {
public:
  DeviceTimer(std::shared_ptr<Device> device, const AttentionSpec& spec, const Problem& problem, const Policy& policy,
              Stopwatch stopwatch);

  std::vector<double> time(const Candidate& candidate, int samples) override;

  std::size_t buffers() const { return inputs_.size(); } ///< sets of tensors that launches rotate through

private:
  void launch(const Plan& plan);

  Engine engine_;
  AttentionSpec spec_;
  Problem problem_;
  Policy policy_;
  Stopwatch stopwatch_;
  Verifier verifier_;
  std::set<std::string> verified_;
  std::vector<std::unique_ptr<Inputs>> inputs_;
  std::size_t next_ = 0;
};

} // namespace attune::autotune
