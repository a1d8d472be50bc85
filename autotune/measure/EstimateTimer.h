#pragma once

#include "autotune/measure/Timer.h"
#include "autotune/model/CostModel.h"

namespace attune::autotune {

/// The cost model's prediction in place of a time: what `estimate` means.
class EstimateTimer final : public Timer {
public:
  EstimateTimer(const AttentionSpec& spec, const Problem& problem, Machine machine)
      : spec_(spec), problem_(problem), machine_(std::move(machine)) {}

  std::vector<double> time(const Candidate& candidate, int samples) override {
    return std::vector<double>(static_cast<std::size_t>(samples), predict(spec_, problem_, candidate, machine_).us);
  }

private:
  AttentionSpec spec_;
  Problem problem_;
  Machine machine_;
};

} // namespace attune::autotune
