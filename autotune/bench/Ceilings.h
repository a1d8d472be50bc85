#pragma once

#include "autotune/bench/Sampling.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace attune::bench {

/// What this device reaches where nothing is in the way, by kernels of our own (kernels/): what shares are shares of.
struct Ceiling {
  std::string name; ///< "bf16_matmul", "fp8_matmul" where the target has it, "copy", "exp2", "launch_graph", "launch"
  std::string unit; ///< "TFLOPS", "GB/s", "G/s", "us"
  std::string failure;                 ///< what was wrong at a tiny size; then it is not timed
  std::optional<Measurement> measured; ///< none on the emulated device
};

/// Each kernel is compared with the host at a tiny size first.
std::vector<Ceiling> ceilings(const std::shared_ptr<Device>& device, int samples);

} // namespace attune::bench
