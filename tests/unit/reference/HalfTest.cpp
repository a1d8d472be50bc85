#include "runtime/support/Half.h"

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

} // namespace
} // namespace attune
