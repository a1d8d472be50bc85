// wgmma against a naive product, with the layouts of the PTX ISA written down here once more.

#include "tests/unit/emulator/Hopper.h"

#include <bit>
#include <cmath>
#include <random>

namespace attune::emulator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Shape {
  unsigned n;
  const char* element; ///< of A and B
  unsigned span;       ///< of the swizzle: 16, 32, 64, 128
  bool a_registers, a_transposed, b_transposed, half_sums;
  unsigned k() const { return element[0] == 'e' ? 32 : element[0] == 't' ? 8 : 16; }
  unsigned bytes() const { return 32 / k(); }
};

void PrintTo(const Shape& shape, std::ostream* out) {
  *out << "n" << shape.n << " " << shape.element << " span " << shape.span << (shape.a_registers ? " RS" : " SS")
       << (shape.a_transposed ? " tA" : "") << (shape.b_transposed ? " tB" : "") << (shape.half_sums ? " f16" : "");
}

/// Small integers times powers of two: exact in all formats and sums.
std::uint32_t encode(int value, const std::string& element) {
  const float real = static_cast<float>(value);
  const auto bits = std::bit_cast<std::uint32_t>(real);
  if (element == "bf16")
    return bits >> 16;
  if (element == "tf32")
    return bits;
  if (value == 0)
    return 0;
  const unsigned sign = value < 0, exponent = (bits >> 23 & 255) - 127;
  if (element == "f16")
    return sign << 15 | (exponent + 15) << 10 | (bits >> 13 & 1023);
  if (element == "e4m3")
    return sign << 7 | (exponent + 7) << 3 | (bits >> 20 & 7);
  return sign << 7 | (exponent + 15) << 2 | (bits >> 21 & 3); // e5m2
}

int small(std::mt19937& random, const std::string& element) {
  return element == "e5m2" ? static_cast<int>(random() % 9) - 4 : static_cast<int>(random() % 17) - 8;
}

/// One operand of `rows` rows (of M or N) and k columns in shared memory, and its descriptor relative to its start.
struct Operand {
  std::vector<std::byte> bytes;
  std::uint64_t descriptor;
};

Operand place(const std::vector<int>& values, unsigned rows, const Shape& shape, bool transposed) {
  const unsigned k = shape.k(), size = shape.bytes(), span = shape.span, per_span = span / size;
  // room for the canonical layout; strides that a real tile would have
  std::uint32_t leading = 0, stride = 0;
  std::size_t total = 0;
  if (!transposed) {
    stride = span == 16 ? 256 : 8 * span, leading = 128;
    total = rows / 8 * stride;
  } else if (span == 16) {
    leading = rows / 8 * 128, stride = 128; // leading: from k 0-7 to k 8-15
    total = 2 * leading;
  } else {
    stride = 8 * span, leading = 2 * stride;
    total = (rows + per_span - 1) / per_span * leading;
  }
  Operand made{std::vector<std::byte>(total), 0};
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned column = 0; column < k; ++column) {
      std::uint32_t at = 0;
      if (!transposed && span == 16)
        at = row % 8 * 16 + row / 8 * stride + column * size / 16 * leading + column * size % 16;
      else if (!transposed)
        at = row % 8 * span + row / 8 * stride + column * size;
      else if (span == 16)
        at = column % 8 * 16 + column / 8 * leading + row / 8 * stride + row % 8 * size;
      else
        at = column % 8 * span + column / 8 * stride + row / per_span * leading + row % per_span * size;
      at ^= (at >> 7 & (span / 16 - 1)) << 4;
      const std::uint32_t bits = encode(values[row * k + column], shape.element);
      std::memcpy(made.bytes.data() + at, &bits, size);
    }
  const std::uint64_t mode = span == 128 ? 1 : span == 64 ? 2 : span == 32 ? 3 : 0;
  made.descriptor = std::uint64_t{leading >> 4} << 16 | std::uint64_t{stride >> 4} << 32 | mode << 62;
  return made;
}

std::string list(const std::string& prefix, unsigned first, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i > 0 ? ", " : "") + prefix + std::to_string(first + i);
  return text + "}";
}

constexpr unsigned b_offset = 16384;

/// `in`: image of shared memory; `regs`: per thread, registers of A then of D. d = a * b twice: once without, once with
/// the sum of before, and the second time negated if `negated`.
std::string productText(const Shape& shape, std::uint64_t a, std::uint64_t b, unsigned image_bytes) {
  const unsigned sums = shape.half_sums ? shape.n / 4 : shape.n / 2;
  std::string text = R"(
  .shared .align 1024 .b8 tile[)" +
                     std::to_string(image_bytes) + R"(];
  .reg .b32 %r<16>; .reg .b64 %p<8>; .reg .pred %q<4>; .reg .b32 %d<128>; .reg .b32 %a<4>; .reg .b64 %desc<4>;
  ld.param.u64 %p0, [in]; ld.param.u64 %p1, [regs]; mov.u32 %r0, %tid.x; shl.b32 %r1, %r0, 2; mov.u32 %r2, tile;
  add.s32 %r2, %r2, %r1; mul.wide.u32 %p2, %r1, 1; add.s64 %p0, %p0, %p2;
COPY: setp.ge.u32 %q0, %r1, )" +
                     std::to_string(image_bytes) + R"(; @%q0 bra READY;
  ld.global.u32 %r3, [%p0]; st.shared.u32 [%r2], %r3;
  add.s64 %p0, %p0, 512; add.s32 %r2, %r2, 512; add.s32 %r1, %r1, 512; bra COPY;
READY:
  fence.proxy.async.shared::cta;
  bar.sync 0;
  mul.wide.u32 %p2, %r0, )" +
                     std::to_string(4 * (4 + sums)) + "; add.s64 %p1, %p1, %p2;\n";
  for (unsigned i = 0; i < 4; ++i)
    text += "ld.global.b32 %a" + std::to_string(i) + ", [%p1+" + std::to_string(4 * i) + "];\n";
  for (unsigned i = 0; i < sums; ++i)
    text += "ld.global.b32 %d" + std::to_string(i) + ", [%p1+" + std::to_string(16 + 4 * i) + "];\n";
  const auto descriptor = [](const char* name, std::uint64_t bits, unsigned offset) {
    return std::string("mov.u32 %r4, tile; cvt.u64.u32 ") + name + ", %r4; add.s64 " + name + ", " + name + ", " +
           std::to_string(offset) + "; shr.u64 " + name + ", " + name + ", 4; or.b64 " + name + ", " + name + ", " +
           std::to_string(static_cast<std::int64_t>(bits)) + ";\n";
  };
  text += descriptor("%desc0", a, 0) + descriptor("%desc1", b, b_offset);
  text += "setp.ne.u32 %q1, %r0, %r0; setp.eq.u32 %q2, %r0, %r0;\nwgmma.fence.sync.aligned;\n";
  const bool wide = shape.bytes() == 2;
  const auto product = [&](const char* accumulates, const char* scale) {
    return "wgmma.mma_async.sync.aligned.m64n" + std::to_string(shape.n) + "k" + std::to_string(shape.k()) +
           (shape.half_sums ? ".f16." : ".f32.") + shape.element + "." + shape.element + " " + list("%d", 0, sums) +
           ", " + (shape.a_registers ? list("%a", 0, 4) : "%desc0") + ", %desc1, " + accumulates + ", " + scale +
           ", 1" + (wide && !shape.a_registers ? std::string(", ") + (shape.a_transposed ? "1" : "0") : "") +
           (wide ? std::string(", ") + (shape.b_transposed ? "1" : "0") : "") + ";\n";
  };
  text += product("%q2", "1") + product("%q2", "-1") + product("%q2", "1");
  text += "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n";
  for (unsigned i = 0; i < sums; ++i)
    text += "st.global.b32 [%p1+" + std::to_string(16 + 4 * i) + "], %d" + std::to_string(i) + ";\n";
  return hopperText(".param .u64 in, .param .u64 regs", text);
}

class WgmmaProduct : public testing::TestWithParam<Shape> {};

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (unsigned n = 8; n <= 256; n += n < 64 ? 8 : 24)
    all.push_back({n, "bf16", 128, false, false, false, false});
  for (const char* element : {"bf16", "f16"})
    for (const unsigned span : {16u, 32u, 64u, 128u})
      for (unsigned bits = 0; bits < 8; ++bits)
        if ((bits & 3) != 3) // registers are not transposed
          all.push_back(
              {bits % 2 == 0 ? 128u : 72u, element, span, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, false});
  for (const char* element : {"e4m3", "e5m2", "tf32"})
    for (const unsigned span : {16u, 32u, 64u, 128u})
      for (const bool registers : {false, true})
        all.push_back({64, element, span, registers, false, false, false});
  all.push_back({256, "f16", 128, false, false, true, true});
  all.push_back({40, "f16", 64, true, false, false, true});
  all.push_back({256, "bf16", 128, true, false, true, false});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Shapes, WgmmaProduct, testing::ValuesIn(shapes()));

TEST_P(WgmmaProduct, FollowsTheLayouts) {
  const Shape shape = GetParam();
  const unsigned k = shape.k(), n = shape.n, sums = shape.half_sums ? n / 4 : n / 2, per_register = 4 / shape.bytes();
  std::mt19937 random(n + shape.span);
  std::vector<int> a(64 * k), b(n * k), d(64 * n);
  for (int& value : a)
    value = small(random, shape.element);
  for (int& value : b)
    value = small(random, shape.element);
  for (int& value : d)
    value = static_cast<int>(random() % 9) - 4;
  const Operand in_a = place(a, 64, shape, shape.a_transposed), in_b = place(b, n, shape, shape.b_transposed);
  std::vector<std::byte> image(b_offset + in_b.bytes.size());
  std::copy(in_a.bytes.begin(), in_a.bytes.end(), image.begin());
  std::copy(in_b.bytes.begin(), in_b.bytes.end(), image.begin() + b_offset);
  std::vector<std::uint32_t> registers(128 * (4 + sums));
  for (unsigned thread = 0; thread < 128; ++thread) {
    std::uint32_t* mine = &registers[thread * (4 + sums)];
    const unsigned row = thread / 32 * 16 + thread % 32 / 4, quad = thread % 4;
    for (unsigned i = 0; i < 4; ++i)
      for (unsigned j = 0; j < per_register; ++j) {
        const unsigned at = row + i % 2 * 8, column = i / 2 * (k / 2) + quad * per_register + j;
        mine[i] |= encode(a[at * k + column], shape.element) << (32 / per_register * j);
      }
    for (unsigned column = 0; column < n; ++column) {
      if (column % 8 / 2 != quad)
        continue;
      for (unsigned half = 0; half < 2; ++half) {
        const int value = d[(row + 8 * half) * n + column];
        if (shape.half_sums)
          mine[4 + column / 8 * 2 + half] |= encode(value, "f16") << (16 * (column % 2));
        else
          mine[4 + column / 8 * 4 + half * 2 + column % 2] = encode(value, "tf32");
      }
    }
  }
  const std::string ptx = productText(shape, in_a.descriptor, in_b.descriptor, static_cast<unsigned>(image.size()));
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    Harness harness(hopper(seed));
    const DevicePtr in = harness.upload(image, "in"), regs = harness.upload(registers, "regs");
    harness.launch(ptx, "k", {1}, {128}, in, regs);
    const auto got = harness.download<std::uint32_t>(regs, registers.size());
    for (unsigned thread = 0; thread < 128; ++thread)
      for (unsigned i = 0; i < sums; ++i) {
        const unsigned quad = thread % 4, base = thread / 32 * 16 + thread % 32 / 4;
        std::uint32_t expected = 0;
        for (unsigned j = 0; j < (shape.half_sums ? 2u : 1u); ++j) {
          const unsigned row = base + (shape.half_sums ? i % 2 : i / 2 % 2) * 8;
          const unsigned column = shape.half_sums ? i / 2 * 8 + quad * 2 + j : i / 4 * 8 + quad * 2 + i % 2;
          int sum = d[row * n + column];
          for (unsigned x = 0; x < k; ++x)
            sum += a[row * k + x] * b[column * k + x];
          expected |= encode(sum, shape.half_sums ? "f16" : "tf32") << (16 * j);
        }
        ASSERT_EQ(got[thread * (4 + sums) + 4 + i], expected)
            << "thread " << thread << " register " << i << " seed " << seed;
      }
    EXPECT_EQ(harness.device->counters().at("tensor_flops"), 3ull * 2 * 64 * n * k);
  }
}

// What may go wrong around a product, each planted in a kernel that runs.

const Shape plain{64, "bf16", 128, true, false, false, false};

std::string plainText() { return productText(plain, 0, 64ull << 32 | 1ull << 62, b_offset + 8192); }

void runPlain(const std::string& ptx, const Options& options = {.target = "sm_90a"}, unsigned threads = 128) {
  Harness harness(options);
  const DevicePtr in = harness.upload(std::vector<std::uint32_t>((b_offset + 8192) / 4), "in"),
                  regs = harness.upload(std::vector<std::uint32_t>(256 * 36), "regs");
  harness.launch(ptx, "k", {1}, {threads}, in, regs);
  for (const std::uint32_t value : harness.download<std::uint32_t>(regs, 128 * 36))
    ASSERT_EQ(value & 0x7fffffff, 0u);
}
std::string errorOf(const std::string& ptx, const Options& options = {.target = "sm_90a"}, unsigned threads = 128) {
  return Harness::errorOf([&] { runPlain(ptx, options, threads); });
}

TEST(Wgmma, TheUnspoiledKernelRuns) {
  for (std::uint64_t seed = 0; seed < 6; ++seed)
    runPlain(plainText(), hopper(seed));
}

TEST(Wgmma, AMissingWaitIsFound) {
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.wait_group.sync.aligned 0;", "")),
              AllOf(HasSubstr("read of an accumulator that a wgmma under way still uses: wgmma.wait_group is missing"),
                    HasSubstr("st.global.b32")));
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;")),
              HasSubstr("read of an accumulator"));
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.commit_group.sync.aligned;", "")),
              HasSubstr("read of an accumulator"));
}

TEST(Wgmma, RegistersOfAMayNotChangeBeforeTheWait) {
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.commit_group.sync.aligned;",
                               "wgmma.commit_group.sync.aligned; mov.b32 %a1, 0;")),
              AllOf(HasSubstr("write of a register of A"), HasSubstr("mov.b32 %a1")));
  runPlain(
      replaced(plainText(), "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 0; mov.b32 %a1, 0;"));
}

TEST(Wgmma, AMissingRegisterFenceIsFound) {
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.fence.sync.aligned;", "")),
              HasSubstr("accumulator 0 was written since the last wgmma.fence"));
  EXPECT_THAT(
      errorOf(replaced(plainText(), "wgmma.fence.sync.aligned;", "wgmma.fence.sync.aligned; add.u32 %a2, %a2, 0;")),
      HasSubstr("register 2 of A was written since the last wgmma.fence"));
  EXPECT_THAT(
      errorOf(replaced(plainText(), "wgmma.fence.sync.aligned;", "wgmma.fence.sync.aligned; add.u32 %r9, %d7, 0;")),
      HasSubstr("accumulator 7 was read since the last wgmma.fence"));
}

TEST(Wgmma, AMissingProxyFenceIsFound) {
  EXPECT_THAT(errorOf(replaced(plainText(), "fence.proxy.async.shared::cta;", "")),
              HasSubstr("wgmma reads shared memory at offset 16384, which a warp wrote with ordinary stores, and no "
                        "fence.proxy.async lies in between"));
  runPlain(replaced(plainText(), "fence.proxy.async.shared::cta;\n  bar.sync 0;",
                    "bar.sync 0; fence.proxy.async.shared::cta;"),
           hopper()); // a fence behind the barrier, by every reader, is enough
}

TEST(Wgmma, OperandsAreReadAsLateAsLegal) {
  // a store between issue and wait comes into the product, and with the race detector is an error
  const std::string late =
      replaced(plainText(), "wgmma.commit_group.sync.aligned;",
               "wgmma.commit_group.sync.aligned; bar.sync 0; mov.b32 %r9, 0x3f803f80; st.shared.u32 [tile+16384], %r9; "
               "bar.sync 0;");
  EXPECT_THAT(errorOf(late, hopper()), HasSubstr("race"));
}

TEST(Wgmma, AWrongDescriptorIsFound) {
  EXPECT_THAT(errorOf(productText(plain, 0, 4096ull << 32 | 1ull << 62, b_offset + 8192)),
              HasSubstr("a matrix descriptor leads to offset 81920 of shared memory"));
  EXPECT_THAT(errorOf(productText(plain, 0, 64ull << 32 | 1ull << 49 | 1ull << 62, b_offset + 8192)),
              HasSubstr("base offset 1"));
}

TEST(Wgmma, TheWholeWarpgroupTakesPart) {
  EXPECT_THAT(errorOf(plainText(), {.target = "sm_90a"}, 96), HasSubstr("needs a warpgroup of four warps"));
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.fence.sync.aligned;",
                               "setp.lt.u32 %q3, %r0, 96; @%q3 bra HERE; exit; HERE: wgmma.fence.sync.aligned;")),
              AllOf(HasSubstr("deadlock"), HasSubstr("waits for the other warps of its warpgroup"),
                    HasSubstr("warps that have ended: 3")));
}

} // namespace
} // namespace attune::emulator
