// Whatever the spec and the schedule, NVRTC takes the text without a warning. A few here; ATTUNE_FULL=1 for many.
#include "attune/compiler/Compile.h"
#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/SpecJson.h"
#include "runtime/toolchain/Toolchain.h"
#include "tests/support/RandomSpecs.h"
#include "tests/support/Refusal.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace attune {
namespace {

unsigned count(unsigned few) { return std::getenv("ATTUNE_FULL") ? 100 : few; }

TEST(RandomKernels, AreTakenByNvrtc) {
  for (unsigned seed = 1000; seed < 1000 + count(5); ++seed) {
    test::RandomMasks random(seed);
    const AttentionSpec spec = test::randomSpec(random);
    Schedule schedule = test::randomSchedule(random);
    const std::string refused = refusal([&] { compile(spec, schedule, target("sm_80")); });
    if (!refused.empty()) {
      EXPECT_NE(refused.find("; use smaller tiles"), std::string::npos) << refused;
      schedule = defaultSchedule(spec, target("sm_80"), 1024, schedule.split_kv);
    }
    SCOPED_TRACE("seed " + std::to_string(seed) + " " + specToJson(spec) + " " + toText(schedule));
    for (const KernelSource& kernel : compile(spec, schedule, target("sm_80")).kernels) {
      const Build build = Toolchain::shared()->build(kernel.cuda, "sm_80", Image::Kind::Ptx, kernel.manifest.name);
      EXPECT_TRUE(build.log.warnings.empty()) << build.log.text;
    }
  }
}

void expectNoSpill(const AttentionSpec& spec, bool split) {
  const Schedule schedule = defaultSchedule(spec, target("sm_90a"), split ? 1 : 2048, split);
  SCOPED_TRACE(specToJson(spec) + " " + toText(schedule));
  for (const KernelSource& kernel : compile(spec, schedule, target("sm_90a")).kernels) {
    const Build build = Toolchain::shared()->build(kernel.cuda, "sm_90a", Image::Kind::Cubin, kernel.manifest.name);
    ASSERT_TRUE(build.log.resources) << build.log.text;
    EXPECT_EQ(build.log.resources->spill_bytes, 0) << kernel.manifest.name;
    EXPECT_TRUE(build.log.warnings.empty()) << build.log.warnings.front();
  }
}

TEST(RandomKernels, OfEightBitsSpillNothing) {
  for (unsigned seed = 3000; seed < 3000 + count(3); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::RandomMasks random(seed);
    const AttentionSpec spec = test::randomFloat8Spec(random);
    expectNoSpill(spec, random.among(0, 2) == 0);
  }
}

TEST(RandomKernels, OfDefaultSchedulesForHopperSpillNothing) { // nor does ptxas serialise a wgmma: that is a warning
  std::vector<unsigned> seeds{2000, 2020, 2021}; // wide heads, ALiBi and masks with divisions: these did spill
  for (unsigned seed = 2100; seed < 2100 + count(0); ++seed)
    seeds.push_back(seed);
  for (const unsigned seed : seeds) {
    test::RandomMasks random(seed);
    const AttentionSpec spec = test::randomSpec(random);
    SCOPED_TRACE("seed " + std::to_string(seed));
    expectNoSpill(spec, random.among(0, 2) == 0);
  }
}

} // namespace
} // namespace attune
