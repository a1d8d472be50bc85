// Kernels that are not ours, as nvcc compiled them (fixtures/classics.cu), under both landing modes and several seeds.

#include "tests/unit/emulator/Harness.h"

#include <bit>
#include <cmath>
#include <numeric>
#include <random>

namespace attune::emulator {
namespace {

class Classics : public testing::TestWithParam<int> {
protected:
  Classics()
      : harness({.seed = static_cast<std::uint64_t>(GetParam()),
                 .random_landing = GetParam() % 2 == 1,
                 .check_races = true}) {}

  std::vector<float> randomFloats(std::size_t count) {
    std::vector<float> values(count);
    for (float& value : values)
      value = std::uniform_real_distribution<float>(-2, 2)(random);
    return values;
  }

  Harness harness;
  std::string ptx = fixture("classics.ptx");
  std::mt19937 random{7};
};
INSTANTIATE_TEST_SUITE_P(Seeds, Classics, testing::Range(0, 4));

TEST_P(Classics, VectorAdd) {
  const int n = 1000;
  const auto a = randomFloats(n), b = randomFloats(n);
  const DevicePtr c = harness.device->allocate(n * 4, "c");
  harness.launch(ptx, "vectorAdd", {8}, {128}, harness.upload(a, "a"), harness.upload(b, "b"), c, n);
  const auto got = harness.download<float>(c, n);
  for (int i = 0; i < n; ++i)
    ASSERT_EQ(got[i], a[i] + b[i]) << i;
  const Counters counters = harness.device->counters();
  EXPECT_EQ(counters.at("global.read.bytes:a"), n * 4u);
  EXPECT_EQ(counters.at("global.read.sectors:a"), n / 8u);
  EXPECT_EQ(counters.at("global.write.bytes:c"), n * 4u);
}

TEST_P(Classics, Transpose) {
  const int rows = 70, columns = 45;
  const auto in = randomFloats(rows * columns);
  const DevicePtr out = harness.device->allocate(in.size() * 4, "out");
  harness.launch(ptx, "transpose", {2, 3}, {32, 8}, harness.upload(in, "in"), out, rows, columns);
  const auto got = harness.download<float>(out, in.size());
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      ASSERT_EQ(got[c * rows + r], in[r * columns + c]);
  const Counters counters = harness.device->counters();
  EXPECT_EQ(counters.at("shared.wavefronts"), counters.at("shared.wavefronts.minimum"))
      << "the padding avoids conflicts";
}

TEST_P(Classics, BlockSum) {
  std::vector<int> in(5000);
  std::iota(in.begin(), in.end(), -100);
  const DevicePtr total = harness.upload(std::vector<int>{5}, "total");
  harness.launch(ptx, "blockSum", {6}, {256}, harness.upload(in, "in"), total, static_cast<int>(in.size()));
  EXPECT_EQ(harness.download<int>(total, 1)[0], std::accumulate(in.begin(), in.end(), 5));
}

TEST_P(Classics, Histogram) {
  std::vector<unsigned char> in(10000);
  for (auto& value : in)
    value = static_cast<unsigned char>(random() % 7 * 30);
  std::vector<unsigned> bins(256), expected(256);
  for (const auto value : in)
    ++expected[value];
  const DevicePtr out = harness.upload(bins, "bins");
  harness.launch(ptx, "histogram", {5}, {256}, harness.upload(in, "in"), out, static_cast<int>(in.size()));
  EXPECT_EQ(harness.download<unsigned>(out, 256), expected);
}

TEST_P(Classics, SoftmaxRows) {
  const int rows = 5, columns = 77;
  const auto in = randomFloats(rows * columns);
  const DevicePtr out = harness.device->allocate(in.size() * 4, "out");
  harness.launch(ptx, "softmaxRows", {rows}, {32}, harness.upload(in, "in"), out, columns);
  const auto got = harness.download<float>(out, in.size());
  for (int r = 0; r < rows; ++r) {
    double sum = 0;
    for (int c = 0; c < columns; ++c)
      sum += std::exp(static_cast<double>(in[r * columns + c]));
    for (int c = 0; c < columns; ++c)
      ASSERT_NEAR(got[r * columns + c], std::exp(static_cast<double>(in[r * columns + c])) / sum, 1e-7);
  }
}

TEST_P(Classics, InclusiveScan) {
  std::vector<int> in(512);
  for (int& value : in)
    value = static_cast<int>(random() % 100);
  const DevicePtr out = harness.device->allocate(in.size() * 4, "out");
  harness.launch(ptx, "inclusiveScan", {2}, {256}, harness.upload(in, "in"), out);
  auto expected = in;
  std::partial_sum(in.begin(), in.begin() + 256, expected.begin());
  std::partial_sum(in.begin() + 256, in.end(), expected.begin() + 256);
  EXPECT_EQ(harness.download<int>(out, in.size()), expected);
}

TEST_P(Classics, Mandelbrot) {
  const int width = 50, height = 30, limit = 200;
  const DevicePtr out = harness.device->allocate(width * height * 4, "out");
  harness.launch(ptx, "mandelbrot", {4, 4}, {16, 8}, out, width, height, limit);
  const auto got = harness.download<int>(out, width * height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      // as the PTX has it: the multiplications and additions of the coordinates and of the bound are fused
      const float cr = 3.0f * static_cast<float>(x) / width + -2.0f, ci = 3.0f * static_cast<float>(y) / height + -1.5f;
      float r = 0, i = 0;
      int n = 0;
      while (n < limit && std::fma(r, r, i * i) < 4.0f) {
        const float ri = r * i, rr = r * r, ii = i * i;
        const float next = (rr - ii) + cr;
        i = 2.0f * ri + ci;
        r = next;
        ++n;
      }
      ASSERT_EQ(got[y * width + x], n) << x << ", " << y;
    }
}

TEST_P(Classics, PipelineSum) {
  const int tiles = 9;
  const auto in = randomFloats(tiles * 128 * 4);
  const DevicePtr out = harness.device->allocate(128 * 4, "out");
  harness.launch(ptx, "pipelineSum", {1}, {128}, harness.upload(in, "in"), out, tiles);
  const auto got = harness.download<float>(out, 128);
  for (int t = 0; t < 128; ++t) {
    double sum = 0;
    for (int i = 0; i < tiles; ++i)
      for (int j = 0; j < 4; ++j)
        sum += in[(i * 128 + (t + 1) % 128) * 4 + j];
    ASSERT_NEAR(got[t], sum, 1e-4);
  }
  EXPECT_EQ(harness.device->counters().at("global.read.bytes:in"), in.size() * 4);
}

TEST_P(Classics, CallsAndTables) {
  const int n = 256;
  std::vector<int> kind(n);
  for (int i = 0; i < n; ++i)
    kind[i] = i % 9;
  const auto x = randomFloats(n);
  const DevicePtr out = harness.device->allocate(n * 4, "out");
  harness.launch(ptx, "callsAndTables", {2}, {128}, harness.upload(kind, "kind"), harness.upload(x, "x"), out, n);
  const auto got = harness.download<float>(out, n);
  for (int i = 0; i < n; ++i) {
    const float table[4] = {1.0f, 0.5f, 0.25f, 0.125f};
    float local[8];
    for (int j = 0; j < 8; ++j)
      local[(j * 3 + kind[i]) % 8] = table[j % 4] * static_cast<float>(j + 1);
    float value = 0;
    for (int j = 7; j >= 0; --j)
      value = std::fma(value, x[i], local[j]);
    switch (kind[i]) {
    case 0:
      value = std::sin(value);
      break;
    case 1:
      value = value * value;
      break;
    case 2:
      value = std::sqrt(std::fabs(value));
      break;
    case 3:
      value = 1.0f / std::fma(value, value, 1.0f);
      break;
    case 4:
      value = std::floor(value);
      break;
    case 5:
      value = value - 3.0f;
      break;
    case 6:
      value = static_cast<float>(static_cast<int>(value));
      break;
    default:
      value = static_cast<float>(static_cast<double>(value) / 3.0);
      break;
    }
    ASSERT_NEAR(got[i], value, 1e-6f * (1 + std::fabs(value))) << i << " kind " << kind[i];
  }
}

TEST_P(Classics, Halves) { // values that every format holds exactly
  const int n = 40;
  const auto bfloat = [](float x) { return std::bit_cast<std::uint32_t>(x) >> 16; };
  std::vector<std::uint32_t> a(n), b(n), d(n, 0x44004200); // (3, 4) as halves
  for (int i = 0; i < n; ++i) {
    a[i] = bfloat(static_cast<float>(i - 20)) | bfloat(2.0f) << 16;
    b[i] = bfloat(3.0f) | bfloat(static_cast<float>(10 - i)) << 16;
  }
  const DevicePtr c = harness.device->allocate(n * 4, "c"), e = harness.device->allocate(n * 4, "e");
  harness.launch(ptx, "halves", {1}, {64}, harness.upload(a, "a"), harness.upload(b, "b"), c, harness.upload(d, "d"), e,
                 n);
  const auto got_c = harness.download<std::uint32_t>(c, n), got_e = harness.download<std::uint32_t>(e, n);
  for (int i = 0; i < n; ++i) {
    const float x = static_cast<float>(i - 20), y = static_cast<float>(10 - i);
    ASSERT_EQ(got_c[i], bfloat(x * 3 + std::fmax(x, 3.0f)) | bfloat(2 * y + std::fmax(2.0f, y)) << 16) << i;
    ASSERT_EQ(got_e[i], 0x4cc04900u); // (9 + 1, 16 + 3)
  }
}

TEST_P(Classics, TileProduct) { // small integers: exact in f16, and in any order
  const int k = 80;
  const auto half = [](int x) { // of -3 to 3
    static constexpr std::uint16_t magnitudes[] = {0, 0x3c00, 0x4000, 0x4200};
    return static_cast<std::uint16_t>(magnitudes[std::abs(x)] | (x < 0 ? 0x8000 : 0));
  };
  std::vector<int> a(16 * k), b(k * 16);
  std::vector<std::uint16_t> a_halves, b_halves;
  for (int& value : a)
    a_halves.push_back(half(value = static_cast<int>(random() % 7) - 3));
  for (int& value : b)
    b_halves.push_back(half(value = static_cast<int>(random() % 7) - 3));
  const DevicePtr c = harness.device->allocate(16 * 16 * 4, "c");
  harness.launch(ptx, "tileProduct", {1}, {32}, harness.upload(a_halves, "a"), harness.upload(b_halves, "b"), c, k);
  const auto got = harness.download<float>(c, 16 * 16);
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 16; ++column) {
      int sum = 0;
      for (int i = 0; i < k; ++i)
        sum += a[row * k + i] * b[i * 16 + column];
      ASSERT_EQ(got[row * 16 + column], static_cast<float>(sum)) << row << ", " << column;
    }
}

} // namespace
} // namespace attune::emulator
