#pragma once

#include "autotune/measure/Timer.h"
#include "runtime/model/CostModel.h"

#include <cstdint>
#include <random>
#include <unordered_map>

namespace attune::autotune {

/// A device whose times are known to the test, and hidden from the tuner.
class SimulatedDevice final : public Timer {
public:
  enum class Surface {
    Figures, ///< the cost model's, with figures that are a quarter off
    Model,  ///< the cost model's, with other figures, and effects of each field and pair of fields that it knows not of
    Rugged, ///< the same, larger, and every candidate a little different for no reason
    Foreign, ///< no relation to the model: a bowl around a random optimum, which the model may put last
  };

  SimulatedDevice(const AttentionSpec& spec, const Problem& problem, const Machine& machine, Surface surface,
                  std::uint64_t seed);

  double truth(const Candidate& candidate) const; ///< microseconds, without noise
  /// With 1 % of noise, one sample in 20 up to twice as long, and a clock that loses 8 % along the way.
  std::vector<double> time(const Candidate& candidate, int samples) override;

  int calls = 0;

private:
  double effect(std::uint64_t key, double size) const; ///< a fixed random number of this deviation

  AttentionSpec spec_;
  Problem problem_;
  Machine machine_; ///< with figures that only it knows
  Surface surface_;
  std::uint64_t seed_;
  std::mt19937_64 noise_;
  mutable std::unordered_map<std::uint64_t, double> effects_; ///< of deviation 1, by key: they are slow to draw
  double scale_ = 100;
};

} // namespace attune::autotune
