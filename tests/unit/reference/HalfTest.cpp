#include "runtime/support/Elements.h"

#include <cmath>

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(Half, EveryValueSurvivesTheWayThroughFp32) {
  for (const DType dtype : {DType::F16, DType::BF16})
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
      const float value = fromHalf(dtype, static_cast<std::uint16_t>(bits));
      if (!std::isnan(value))
        ASSERT_EQ(toHalf(dtype, value), bits);
      else
        ASSERT_TRUE(std::isnan(roundToHalf(dtype, value)));
    }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(toBf16(1.0f + 0x1p-8f), 0x3f80);           // tie: down to even
  EXPECT_EQ(toBf16(1.0f + 0x1p-7f + 0x1p-8f), 0x3f82); // tie: up to even
  EXPECT_EQ(toBf16(1.0f + 0x1p-8f + 0x1p-20f), 0x3f81);
  EXPECT_EQ(toF16(1.0f + 0x1p-11f), 0x3c00);
  EXPECT_EQ(toF16(1.0f + 0x1p-10f + 0x1p-11f), 0x3c02);
  EXPECT_EQ(toF16(0x1p-25f), 0); // half of the smallest subnormal: to even
  EXPECT_EQ(toF16(0x1.8p-24f), 2);
  EXPECT_EQ(toF16(65519.0f), 0x7bff);
  EXPECT_EQ(toF16(65520.0f), 0x7c00);
  EXPECT_EQ(toF16(-1e30f), 0xfc00);
}

TEST(Half, E4M3) {
  for (int bits = 0; bits < 256; ++bits) {
    const float value = fromE4m3(static_cast<std::uint8_t>(bits));
    if (!std::isnan(value)) {
      ASSERT_EQ(toE4m3(value), bits);
    }
  }
  EXPECT_EQ(fromE4m3(0x7e), 448);
  EXPECT_EQ(fromE4m3(0x01), 0x1p-9f);
  EXPECT_TRUE(std::isnan(fromE4m3(0x7f)) && std::isnan(fromE4m3(0xff)));
  EXPECT_EQ(toE4m3(1.0f + 0x1p-4f), toE4m3(1.0f)); // ties go to even
  EXPECT_EQ(toE4m3(1.0f + 0x1.8p-3f), toE4m3(1.25f));
  EXPECT_EQ(toE4m3(0x1p-10f), 0);
  EXPECT_EQ(toE4m3(0x1.8p-10f), 1);
  EXPECT_EQ(toE4m3(0x1.fp-7f), 8); // up to the least normal number
  EXPECT_EQ(toE4m3(-1e30f), 0xfe);
  EXPECT_EQ(toE4m3(std::nanf("")) & 0x7f, 0x7f);
}

} // namespace
} // namespace attune
