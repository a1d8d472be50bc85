// ldmatrix and mma.sync against the fragment layouts of the PTX ISA, written down naively.

#include "tests/unit/emulator/Harness.h"

#include <bit>
#include <cmath>
#include <random>

namespace attune::emulator {
namespace {

std::uint16_t toBfloat(float x) { return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16); }

/// Small integers, exact in every format and sum, so that the result is the same in any order.
std::vector<int> smallIntegers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int> values(count);
  for (int& value : values)
    value = static_cast<int>(random() % 17) - 8;
  return values;
}

std::uint16_t encode(int value, bool bfloat) {
  if (bfloat)
    return toBfloat(static_cast<float>(value));
  if (value == 0)
    return 0;
  const int magnitude = std::abs(value), exponent = std::ilogb(magnitude);
  const int mantissa = (magnitude << (10 - exponent)) - 1024;
  return static_cast<std::uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 15) << 10 | mantissa);
}

struct Shape {
  unsigned k;
  bool bfloat, half_sum;
};
class Product : public testing::TestWithParam<Shape> {};
INSTANTIATE_TEST_SUITE_P(Shapes, Product,
                         testing::Values(Shape{16, true, false}, Shape{16, false, false}, Shape{8, true, false},
                                         Shape{8, false, false}, Shape{16, false, true}, Shape{8, false, true}));

TEST_P(Product, FollowsTheFragmentLayout) {
  const auto [k, bfloat, half_sum] = GetParam();
  const auto a = smallIntegers(16 * k, 1), b = smallIntegers(k * 8, 2), c = smallIntegers(16 * 8, 3);
  const unsigned a_registers = k / 4, b_registers = k / 8, c_registers = half_sum ? 2 : 4;
  std::vector<std::uint32_t> in(32 * (a_registers + b_registers + c_registers));
  for (unsigned lane = 0; lane < 32; ++lane) {
    const unsigned group = lane / 4, within = lane % 4;
    std::uint32_t* registers = &in[lane * (a_registers + b_registers + c_registers)];
    for (unsigned i = 0; i < 2 * a_registers; ++i) { // PTX ISA, "Matrix Fragments for mma.m16n8k16"
      const unsigned row = (i / 2) % 2 == 0 ? group : group + 8, column = within * 2 + (i & 1) + (i >= 4 ? 8 : 0);
      registers[i / 2] |= std::uint32_t{encode(a[row * k + column], bfloat)} << (16 * (i & 1));
    }
    for (unsigned i = 0; i < 2 * b_registers; ++i) {
      const unsigned row = within * 2 + (i & 1) + (i >= 2 ? 8 : 0);
      registers[a_registers + i / 2] |= std::uint32_t{encode(b[row * 8 + group], bfloat)} << (16 * (i & 1));
    }
    for (unsigned i = 0; i < 4; ++i) {
      const int value = c[(i < 2 ? group : group + 8) * 8 + within * 2 + (i & 1)];
      std::uint32_t* sums = registers + a_registers + b_registers;
      if (half_sum)
        sums[i / 2] |= std::uint32_t{encode(value, false)} << (16 * (i & 1));
      else
        sums[i] = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    }
  }
  std::string body =
      ".reg .b32 %r<20>; .reg .b64 %p<4>; ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out]; mov.u32 %r0, %tid.x;\n";
  const unsigned total = a_registers + b_registers + c_registers;
  body += "mul.wide.u32 %p2, %r0, " + std::to_string(4 * total) + "; add.s64 %p0, %p0, %p2; mul.wide.u32 %p2, %r0, " +
          std::to_string(4 * c_registers) + "; add.s64 %p1, %p1, %p2;\n";
  const auto list = [](unsigned first, unsigned count) {
    std::string text = "{";
    for (unsigned i = 0; i < count; ++i)
      text += (i > 0 ? ", %r" : "%r") + std::to_string(first + i);
    return text + "}";
  };
  for (unsigned i = 0; i < total; ++i)
    body += "ld.global.b32 %r" + std::to_string(1 + i) + ", [%p0+" + std::to_string(4 * i) + "];\n";
  const std::string element = bfloat ? "bf16" : "f16", sum = half_sum ? "f16" : "f32";
  const std::string c_list = list(1 + a_registers + b_registers, c_registers); // in place, as compilers do it
  body += "mma.sync.aligned.m16n8k" + std::to_string(k) + ".row.col." + sum + "." + element + "." + element + "." +
          sum + " " + c_list + ", " + list(1, a_registers) + ", " + list(1 + a_registers, b_registers) + ", " + c_list +
          ";\n";
  for (unsigned i = 0; i < c_registers; ++i)
    body += "st.global.b32 [%p1+" + std::to_string(4 * i) + "], %r" +
            std::to_string(1 + a_registers + b_registers + i) + ";\n";
  Harness harness;
  const DevicePtr out = harness.device->allocate(32 * 4 * c_registers, "out");
  harness.launch(kernelText(".param .u64 in, .param .u64 out", body), "k", {1}, {32}, harness.upload(in, "in"), out);
  const auto got = harness.download<std::uint32_t>(out, 32 * c_registers);
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned column = 0; column < 8; ++column) {
      int expected = c[row * 8 + column];
      for (unsigned i = 0; i < k; ++i)
        expected += a[row * k + i] * b[i * 8 + column];
      const unsigned lane = row % 8 * 4 + column / 2, index = row / 8 * 2 + column % 2;
      if (half_sum)
        ASSERT_EQ(got[lane * 2 + index / 2] >> (16 * (index & 1)) & 0xffff, encode(expected, false))
            << row << ", " << column;
      else
        ASSERT_EQ(std::bit_cast<float>(got[lane * 4 + index]), static_cast<float>(expected)) << row << ", " << column;
    }
  EXPECT_EQ(harness.device->counters().at("tensor_flops"), 2 * 16 * 8 * k);
  EXPECT_EQ(harness.device->counters().at("instructions.mma"), 1u);
}

/// Rows of 16 bytes at a pitch; lane l holds elements 2 (l % 4) and the next of row (or, .trans, column) l / 4.
void loadMatrix(unsigned count, bool transposed, unsigned pitch, std::uint64_t conflict_free_extra) {
  std::string body = ".shared .align 128 .b8 tile[8192]; .reg .b32 %r<16>; .reg .b64 %p<4>; .reg .b16 %h; .reg .pred "
                     "%q; ld.param.u64 %p1, [out]; mov.u32 %r0, %tid.x;\n";
  // element e of the tile holds e
  body += "mov.u32 %r1, %r0; L: cvt.u16.u32 %h, %r1; shl.b32 %r2, %r1, 1; mov.u32 %r3, tile; add.s32 %r3, %r3, %r2; "
          "st.shared.u16 [%r3], %h; add.s32 %r1, %r1, 32; setp.lt.u32 %q, %r1, 4096; @%q bra L;\n";
  body += "bar.warp.sync -1; mul.lo.s32 %r4, %r0, " + std::to_string(pitch) +
          "; mov.u32 %r5, tile; add.s32 %r5, %r5, %r4;\n";
  const std::string list[] = {"{%r6}", "{%r6, %r7}", "{%r6, %r7, %r8, %r9}"};
  body += "ldmatrix.sync.aligned.m8n8.x" + std::to_string(count) + (transposed ? ".trans" : "") + ".shared.b16 " +
          list[count / 2] + ", [%r5];\n";
  body += "mul.wide.u32 %p2, %r0, " + std::to_string(4 * count) + "; add.s64 %p1, %p1, %p2;\n";
  for (unsigned i = 0; i < count; ++i)
    body += "st.global.u32 [%p1+" + std::to_string(4 * i) + "], %r" + std::to_string(6 + i) + ";\n";
  Harness harness;
  const DevicePtr out = harness.device->allocate(128 * count, "out");
  harness.launch(kernelText(".param .u64 out", body), "k", {1}, {32}, out);
  const auto got = harness.download<std::uint32_t>(out, 32 * count);
  const auto element = [&](unsigned matrix, unsigned row, unsigned column) {
    return (matrix * 8 + row) * pitch / 2 + column;
  };
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < count; ++i) {
      const unsigned row = lane / 4, column = lane % 4 * 2;
      const unsigned low = transposed ? element(i, column, row) : element(i, row, column),
                     high = transposed ? element(i, column + 1, row) : element(i, row, column + 1);
      ASSERT_EQ(got[lane * count + i], low | high << 16) << "lane " << lane << " matrix " << i;
    }
  const Counters counters = harness.device->counters();
  EXPECT_EQ(counters.at("shared.ldmatrix.wavefronts.minimum"), count);
  EXPECT_EQ(counters.at("shared.ldmatrix.wavefronts"), count + conflict_free_extra);
}

TEST(LoadMatrix, FollowsTheFragmentLayout) {
  for (const unsigned count : {1u, 2u, 4u})
    for (const bool transposed : {false, true})
      loadMatrix(count, transposed, 16, 0);
}

TEST(LoadMatrix, CountsBankConflicts) {
  loadMatrix(4, false, 128, 4 * 7); // eight rows in the same four banks
  loadMatrix(2, false, 144, 0);     // padded rows
  loadMatrix(2, false, 32, 2);      // rows of 32 bytes: two rows per bank
}

} // namespace
} // namespace attune::emulator
