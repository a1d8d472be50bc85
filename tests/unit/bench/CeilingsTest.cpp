#include "autotune/bench/Ceilings.h"

#include "autotune/bench/Kernels.h"

#include "attune/attune.hpp"
#include "runtime/toolchain/Toolchain.h"

#include <algorithm>
#include <string_view>

#include <gtest/gtest.h>

namespace attune::bench {
namespace {

TEST(Ceilings, AreRightOnTheEmulatedDeviceAndHaveNoSpeedThere) {
  for (const char* device : {"emulated:sm_80", "emulated:sm_90a"}) {
    const std::vector<Ceiling> all = ceilings(openDevice(device), 1);
    EXPECT_GE(all.size(), 5u);
    EXPECT_EQ(std::ranges::count(all, "fp8_matmul", &Ceiling::name), std::string_view(device).ends_with("sm_90a"));
    for (const Ceiling& c : all) {
      EXPECT_EQ(c.failure, "") << device << " " << c.name;
      EXPECT_FALSE(c.measured) << device << " " << c.name;
    }
  }
}

/// A ceiling that spills, or whose wgmma is serialised, is none.
TEST(Ceilings, KernelsAreCleanForTheirTargets) {
  for (const auto& [file, arch] : {std::pair{"matmul_sm80", "sm_80"},
                                   {"matmul_sm80", "sm_86"},
                                   {"matmul_sm80", "sm_120"},
                                   {"matmul_sm90", "sm_90a"},
                                   {"copy", "sm_90a"},
                                   {"exp2", "sm_90a"},
                                   {"empty", "sm_90a"}}) {
    SCOPED_TRACE(std::string(file) + " for " + arch);
    const Build build =
        Toolchain::shared()->build(textOf(kernels(), std::string(file) + ".cu"), arch, Image::Kind::Cubin, file);
    ASSERT_TRUE(build.log.resources) << build.log.text;
    EXPECT_EQ(build.log.resources->spill_bytes, 0);
    EXPECT_EQ(build.log.resources->local_bytes, 0);
    EXPECT_TRUE(build.log.warnings.empty()) << build.log.text;
  }
}

} // namespace
} // namespace attune::bench
