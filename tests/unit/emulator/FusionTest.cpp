// Products and sums without a rounding modifier: ptxas may fuse them, so the device does under some seeds.

#include "tests/unit/emulator/Harness.h"

#include <cmath>
#include <set>

namespace attune::emulator {
namespace {

constexpr float x = 1.1f, y = 1.3f;

/// What the statements leave in %d under 16 seeds; %x and %y are as above, %xy their product, rounded by mul.rn.
std::set<float> results(const std::string& statements) {
  const std::string ptx =
      kernelText(".param .u64 p0, .param .f32 p1, .param .f32 p2",
                 ".reg .b64 %to; .reg .f32 %x, %y, %xy, %m, %n, %d; .reg .pred %p; .reg .f32 %w; .reg .u32 %i;\n"
                 "ld.param.u64 %to, [p0]; ld.param.f32 %x, [p1]; ld.param.f32 %y, [p2];\n"
                 "mul.rn.f32 %xy, %x, %y; setp.gt.f32 %p, %x, %y;\n" +
                     statements + "\nst.global.f32 [%to], %d;");
  std::set<float> all;
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    Harness harness({.seed = seed});
    const DevicePtr out = harness.device->allocate(4, "out");
    harness.launch(ptx, "k", {1, 1, 1}, {1, 1, 1}, out, x, y);
    all.insert(harness.download<float>(out, 1)[0]);
  }
  return all;
}

const float residue = std::fmaf(x, y, -(x* y)); ///< what rounding took from the product

TEST(Fusion, ADifferenceMayBeRoundedOnceOrTwice) {
  EXPECT_EQ(results("mul.f32 %m, %x, %y; sub.f32 %d, %m, %xy;"), (std::set<float>{0.0f, residue}));
  EXPECT_EQ(results("mul.f32 %m, %x, %y; sub.f32 %d, %xy, %m;"), (std::set<float>{0.0f, -residue}));
}

TEST(Fusion, SoMayASum) {
  EXPECT_EQ(results("neg.f32 %n, %xy; mul.f32 %m, %x, %y; add.f32 %d, %m, %n;"), (std::set<float>{0.0f, residue}));
  EXPECT_EQ(results("neg.f32 %n, %xy; mul.f32 %m, %x, %y; add.f32 %d, %n, %m;"), (std::set<float>{0.0f, residue}));
}

TEST(Fusion, ARoundingModifierForbidsIt) {
  EXPECT_EQ(results("mul.rn.f32 %m, %x, %y; sub.f32 %d, %m, %xy;"), std::set<float>{0.0f});
  EXPECT_EQ(results("mul.f32 %m, %x, %y; sub.rn.f32 %d, %m, %xy;"), std::set<float>{0.0f});
}

TEST(Fusion, TheFactorsAreThoseOfTheProduct) { // which another value may replace before the sum
  EXPECT_EQ(results("mul.f32 %m, %x, %y; mov.f32 %x, 0f40000000; sub.f32 %d, %m, %xy;"), std::set<float>{0.0f});
  EXPECT_EQ(results("mul.f32 %m, %x, %y; @%p mov.f32 %m, %xy; sub.f32 %d, %m, %xy;"), std::set<float>{0.0f});
}

TEST(Fusion, OfTwoProductsEitherMayBe) {
  EXPECT_EQ(results("mul.f32 %m, %x, %y; mul.f32 %n, %y, %x; sub.f32 %d, %m, %n;"),
            (std::set<float>{0.0f, residue, -residue}));
}

TEST(Fusion, AProductUnderAGuardIsNone) {
  EXPECT_EQ(results("mov.f32 %m, %xy; @!%p mul.f32 %m, %x, %y; sub.f32 %d, %m, %xy;"), std::set<float>{0.0f});
}

TEST(Fusion, AFactorMayChangeFromRoundToRound) { // of a loop: the product is of its value in that round
  const std::string loop = "mov.u32 %i, 0; mov.f32 %w, 0f3F800000; mov.f32 %n, 0f00000000;\n"
                           "again: mul.f32 %m, %w, %y; mul.rn.f32 %n, %w, %y; sub.f32 %d, %m, %n; mov.f32 %w, %x;\n"
                           "add.u32 %i, %i, 1; setp.lt.u32 %p, %i, 2; @%p bra again;";
  EXPECT_EQ(results(loop), (std::set<float>{0.0f, residue}));
  // in another block it may have changed, and nothing is fused
  EXPECT_EQ(results("mul.f32 %m, %x, %y; bra next; next: sub.f32 %d, %m, %xy;"), std::set<float>{0.0f});
}

TEST(Fusion, FactorsOutliveTheProduct) { // their registers are not given to others before the sum
  EXPECT_EQ(results("{ .reg .f32 %a, %b, %c, %e; add.rn.f32 %a, %x, 0f00000000; add.rn.f32 %b, %y, 0f00000000;\n"
                    "mul.f32 %m, %a, %b; add.rn.f32 %c, %x, %x; add.rn.f32 %e, %c, %c; mov.f32 %n, %e;\n"
                    "sub.f32 %d, %m, %xy; }"),
            (std::set<float>{0.0f, residue}));
}

TEST(Fusion, AProductOfAConstant) {
  const float twice = 3 * x, rest = std::fmaf(3, x, -twice);
  ASSERT_NE(rest, 0);
  EXPECT_EQ(results("mul.rn.f32 %n, %x, 0f40400000; mul.f32 %m, %x, 0f40400000; sub.f32 %d, %m, %n;"),
            (std::set<float>{0.0f, rest}));
}

} // namespace
} // namespace attune::emulator
