#pragma once

#include "attune/attune.hpp"
#include "runtime/reference/DeviceTensors.h"
#include "runtime/reference/Random.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace attune::test {

/// Which GPU the emulated device stands in for, or the kernels of which GPU run: sm_80 (TestTarget.cpp), unless a test
/// program has its own definition. So the same tests run for each family of kernels.
std::string testTarget();

/// Whether tests run on a GPU: it has no counters, and a kernel with a bug may never end there.
bool onGpu();

/// One problem on the emulated device, under one seed of its scheduler; or on the GPU that ATTUNE_TEST_DEVICE names.
struct Case {
  AttentionSpec spec;
  reference::Lengths lengths;
  int splits = 0; ///< 0: the cost model's choice
  std::optional<Schedule> schedule;
  std::uint64_t seed = 1;      ///< of tensors and device
  std::uint64_t reseed = 0;    ///< more of it for the device alone: the same tensors in another order of events
  bool random_landing = false; ///< of copies: at a random legal moment instead of the latest
  int multiprocessors = 0;     ///< that the device says it has; 0: as it is
  bool check_races = false;    ///< shared memory that two warps touch with no barrier in between is an error
};

/// Rewrites a kernel's CUDA text before it is compiled: how bugs are planted.
using Mutation = std::function<std::string(const std::string& kernel_name, const std::string& cuda)>;

struct Result {
  std::vector<float> o, lse;
  bool gaps_untouched = false;
  int splits = 0;
  Schedule schedule;
  std::vector<Counters> counters; ///< of each kernel, in launch order
};

/// The inputs of a case, before anything is planted in them.
reference::Tensors tensorsOf(const Case& c);

/// Compiles and runs on `tensors`. Throws what the engine and the device throw.
Result run(const Case& c, const reference::Tensors& tensors, const Mutation& mutation = {});

/// The same on a device of the caller's.
Result runOn(const std::shared_ptr<Device>& device, const Case& c, const reference::Tensors& tensors,
             const Mutation& mutation = {});

/// Runs, and compares under the rule; the message is that of a failure, or empty.
std::string failure(const Case& c, const reference::Tensors& tensors);
std::string failure(const Case& c);

/// What the references say: the slow part, which is the same for every seed of the device.
struct Expected {
  reference::Output exact, plain;
};
Expected expectedOf(const Case& c, const reference::Tensors& tensors);
std::string failure(const Case& c, const reference::Tensors& tensors, const Expected& expected);

/// What went wrong, in one line a person can reproduce: the spec, the lengths, seed.
std::string describe(const Case& c);

/// A spec with 4 q heads on 2 kv heads, bf16.
AttentionSpec gqaSpec(int head_dim, int head_dim_v = 0);

} // namespace attune::test
