// wgmma against a naive product.

#include "tests/unit/emulator/WgmmaText.h"

namespace attune::emulator {
namespace {

using namespace wgmma;

class WgmmaProduct : public testing::TestWithParam<Shape> {};

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (unsigned n = 8; n <= 256; n += 8)
    all.push_back({n, "bf16", "bf16", 128, false, false, false, false});
  for (const char* element : {"bf16", "f16"})
    for (const unsigned span : {16u, 32u, 64u, 128u})
      for (unsigned bits = 0; bits < 8; ++bits)
        if ((bits & 3) != 3) // registers are not transposed
          all.push_back({bits % 2 == 0 ? 128u : 72u, element, element, span, (bits & 1) != 0, (bits & 2) != 0,
                         (bits & 4) != 0, false});
  for (const char* element : {"e4m3", "e5m2", "tf32"})
    for (const unsigned span : {16u, 32u, 64u, 128u})
      for (const bool registers : {false, true})
        all.push_back({64, element, element, span, registers, false, false, false});
  for (const unsigned n : {8u, 72u, 160u, 256u}) {
    for (const bool registers : {false, true}) {
      for (const char* a : {"e4m3", "e5m2"})
        for (const char* b : {"e4m3", "e5m2"})
          for (const bool half_sums : {false, true})
            all.push_back({n, a, b, 128, registers, false, false, half_sums});
      all.push_back({n, "tf32", "tf32", 128, registers, false, false, false});
      all.push_back({n, "f16", "f16", 64, registers, false, n % 16 == 0, true});
    }
  }
  all.push_back({256, "bf16", "bf16", 128, true, false, true, false});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Shapes, WgmmaProduct, testing::ValuesIn(shapes()));

TEST_P(WgmmaProduct, FollowsTheLayouts) {
  const Shape shape = GetParam();
  const unsigned k = shape.k(), n = shape.n, sums = shape.half_sums ? n / 4 : n / 2, per_register = 4 / shape.bytes();
  std::mt19937 random(n + shape.span);
  std::vector<int> a(64 * k), b(n * k), d(64 * n);
  for (int& value : a)
    value = small(random, shape.a);
  for (int& value : b)
    value = small(random, shape.b);
  for (int& value : d)
    value = static_cast<int>(random() % 9) - 4;
  const Operand in_a = place(a, 64, shape, shape.a, shape.a_transposed),
                in_b = place(b, n, shape, shape.b, shape.b_transposed);
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
        mine[i] |= encode(a[at * k + column], shape.a) << (32 / per_register * j);
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

} // namespace
} // namespace attune::emulator
