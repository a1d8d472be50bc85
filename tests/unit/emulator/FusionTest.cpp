// Products and sums without a rounding modifier: ptxas may fuse them, so the device does under some seeds.

#include "tests/unit/emulator/Harness.h"

#include <cmath>
#include <set>

namespace attune::emulator {
namespace {

constexpr float x = 1.1f, y = 1.3f;

/// What the statements leave in %d under 16 seeds; %x and %y are as above, %xy their product, rounded by mul.rn.
std::set<float> results(const std::string& statements) {
  const std::string ptx = kernelText(".param .u64 p0, .param .f32 p1, .param .f32 p2",
                                     ".reg .b64 %to; .reg .f32 %x, %y, %xy, %m, %n, %d; .reg .pred %p;\n"
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

TEST(Fusion, AProductOfAConstant) {
  const float twice = 3 * x, rest = std::fmaf(3, x, -twice);
  ASSERT_NE(rest, 0);
  EXPECT_EQ(results("mul.rn.f32 %n, %x, 0f40400000; mul.f32 %m, %x, 0f40400000; sub.f32 %d, %m, %n;"),
            (std::set<float>{0.0f, rest}));
}

} // namespace
} // namespace attune::emulator
