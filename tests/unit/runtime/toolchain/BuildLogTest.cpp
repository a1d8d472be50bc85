#include "runtime/toolchain/Toolchain.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(BuildLog, ReadsWhatPtxasSays) {
  const BuildLog log =
      parseBuildLog("ptxas warning : Local memory used for function 'k', size of stack frame: 160 bytes\n"
                    "ptxas info    : 0 bytes gmem\n"
                    "ptxas info    : Compiling entry function 'k' for 'sm_80'\n"
                    "ptxas info    : Function properties for k\n"
                    "ptxas         .     160 bytes stack frame, 24 bytes spill stores, 40 bytes spill loads\n"
                    "ptxas info    : Used 168 registers, used 1 barriers, 4096 bytes smem, 364 bytes cmem[0]\n");
  ASSERT_TRUE(log.resources.has_value());
  EXPECT_EQ(log.resources->registers, 168);
  EXPECT_EQ(log.resources->local_bytes, 160);
  EXPECT_EQ(log.resources->spill_bytes, 64);
  EXPECT_EQ(log.resources->shared_bytes, 4096);
  ASSERT_EQ(log.warnings.size(), 1U);
  EXPECT_TRUE(log.warnings[0].starts_with("ptxas warning : Local memory"));
}

TEST(BuildLog, SerialisedWgmmaIsAWarningWhateverPtxasCallsIt) {
  const BuildLog log =
      parseBuildLog("ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are "
                    "serialized due to insufficient register resources in function 'k'\n");
  ASSERT_EQ(log.warnings.size(), 1U);
}

TEST(BuildLog, OfPtxHasNoResources) {
  EXPECT_FALSE(parseBuildLog("").resources.has_value());
  EXPECT_FALSE(parseBuildLog("k.cu(3): warning #177-D: variable \"x\" was declared but never referenced\n").resources);
}

} // namespace
} // namespace attune
