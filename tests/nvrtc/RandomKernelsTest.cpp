// Whatever the spec and the schedule, NVRTC takes the text without a warning. A few here; ATTUNE_FULL=1 for many.
#include "attune/compiler/Compile.h"
#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/SpecJson.h"
#include "runtime/toolchain/Toolchain.h"
#include "tests/support/RandomSpecs.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace attune {
namespace {

TEST(RandomKernels, AreTakenByNvrtc) {
  const unsigned count = std::getenv("ATTUNE_FULL") ? 100 : 5;
  for (unsigned seed = 1000; seed < 1000 + count; ++seed) {
    test::RandomMasks random(seed);
    const AttentionSpec spec = test::randomSpec(random);
    Schedule schedule = test::randomSchedule(random);
    if (sharedBytes(spec, schedule) > target("sm_80").shared_per_block)
      schedule = defaultSchedule(spec, target("sm_80"), 1024, schedule.split_kv);
    SCOPED_TRACE("seed " + std::to_string(seed) + " " + specToJson(spec) + " " + toText(schedule));
    for (const KernelSource& kernel : compile(spec, schedule, target("sm_80")).kernels) {
      const Build build = Toolchain::shared()->build(kernel.cuda, "sm_80", Image::Kind::Ptx, kernel.manifest.name);
      EXPECT_TRUE(build.log.warnings.empty()) << build.log.text;
    }
  }
}

} // namespace
} // namespace attune
