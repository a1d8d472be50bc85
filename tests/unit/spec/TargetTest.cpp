#include "attune/compiler/Target.h"

#include "tests/support/Refusal.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(Target, LimitsOfTheProgrammingGuide) {
  EXPECT_EQ(target("sm_80").shared_per_block, 166912);
  EXPECT_EQ(target("sm_86").shared_per_block, 101376);
  EXPECT_EQ(target("sm_89").shared_per_block, 101376);
  EXPECT_EQ(target("sm_90").shared_per_block, 232448);
  EXPECT_EQ(target("sm_90a").shared_per_block, 232448);
  EXPECT_EQ(target("sm_100").shared_per_block, 232448);
  EXPECT_EQ(target("sm_120").shared_per_block, 101376);
  for (const Target& t : targets()) {
    EXPECT_EQ(&target(t.name), &t);
    EXPECT_EQ(t.shared_per_multiprocessor - t.shared_per_block, 1024)
        << t.name; // what the system takes of each block's
    EXPECT_EQ(t.registers_per_multiprocessor, 65536) << t.name;
  }
  EXPECT_EQ(target("sm_86").max_threads_per_multiprocessor, 1536);
  EXPECT_EQ(target("sm_90").max_threads_per_multiprocessor, 2048);
}

TEST(Target, EightBitProductsNeedWgmma) {
  checkSupported(DType::E4M3, target("sm_90a"));
  checkSupported(DType::BF16, target("sm_80"));
  EXPECT_EQ(refusal([] { checkSupported(DType::E4M3, target("sm_90")); }),
            "unsupported: dtype fp8_e4m3 on sm_90: 8-bit products need wgmma, which sm_90a alone has; take sm_90a "
            "(emulated:sm_90a is a device, too), or bf16 or fp16");
}

TEST(Target, UnknownOnesGetTheNearest) {
  EXPECT_EQ(refusal([] { target("sm90"); }), "unsupported: target 'sm90': it is none that Attune generates code for; "
                                             "did you mean 'sm_90'? (allowed: sm_80, sm_86, "
                                             "sm_89, sm_90, sm_90a, sm_100, sm_120)");
  EXPECT_EQ(refusal([] { target("gfx942"); }),
            "unsupported: target 'gfx942': it is none that Attune generates code for; use one of: sm_80, sm_86, sm_89, "
            "sm_90, sm_90a, sm_100, sm_120");
}

} // namespace
} // namespace attune
