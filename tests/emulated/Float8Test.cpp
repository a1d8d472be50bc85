// 8-bit products by hand: V is transposed in shared memory, and P meets its keys in the order that both agree on.
#include "attune/attune.hpp"
#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/support/Elements.h"
#include "runtime/toolchain/Toolchain.h"
#include "tests/emulated/BankConflicts.h"

#include <cmath>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace attune::test {
namespace {

/// A consumer warpgroup computes out += weights V for 64 rows; the producer's transposers prepare V.
constexpr const char* text = R"(
#include <attune/arch/sm90/wgmma_{1}.cuh>
#include <attune/sm90.cuh>

using namespace attune;
using block = specialized_block<1>;
constexpr int keys = {0}, columns = {1};

extern "C" __global__ void __launch_bounds__(block::threads, 1)
    product(const e4m3* v, const float* weights, float* out, unsigned* found) {{
  auto& v_smem = shared::at<st<e4m3, keys, columns>>(0);
  auto& v_t_smem = shared::at<st<e4m3, columns, keys>>(keys * columns);
  auto& v_nonfinite = shared::at<int>(2 * keys * columns);
  for (int i = threadIdx.x; i < keys * columns; i += block::threads) {{
    const int key = i / columns, column = i % columns;
    v_smem.bytes[v_smem.offset(key, column / 32, column % 32 / 16) + column % 16] = v[i].bits;
  }}
  bar::init(v_nonfinite);
  block::sync();
  if (block::is_producer()) {{
    if (warpgroup::is_transposer())
      warpgroup::{2};
    block::sync();
    return;
  }}
  rt<float, 16, keys> scores;
  rt<e4m3, 16, keys> probs;
  rt<float, 16, columns> acc;
  rv<16> row_max, row_sum;
  softmax::reset(acc, row_max, row_sum);
  const int row = warp::index() * 16 + warp::lane() / 4;
  for (int n = 0; n < keys / 8; ++n)
    for (int i = 0; i < 4; ++i)
      scores.data[0][n][i] = weights[(row + i / 2 * 8) * keys + n * 8 + warp::lane() % 4 * 2 + i % 2];
  warp::convert(probs, scores);
  block::sync();
  warpgroup::mma_ABt_async(acc, probs, v_t_smem);
  warpgroup::wait<0>(acc);
  for (int n = 0; n < columns / 8; ++n)
    for (int i = 0; i < 4; ++i)
      out[(row + i / 2 * 8) * columns + n * 8 + warp::lane() % 4 * 2 + i % 2] = acc.data[0][n][i];
  if (threadIdx.x == 0)
    *found = v_nonfinite;
}}
)";

struct Product {
  std::vector<float> out;
  bool found = false;
  Counters counters;
};

/// weights: 64 x keys, v: keys x columns.
Product run(int keys, int columns, bool finite, const std::vector<float>& weights, const std::vector<std::uint8_t>& v) {
  const std::shared_ptr<Device> device = emulator::makeEmulatedDevice({.target = "sm_90a", .check_races = true});
  const std::string call = finite ? "transpose_finite(v_t_smem, v_smem, v_nonfinite)" : "transpose(v_t_smem, v_smem)";
  const std::string source = fmt::format(fmt::runtime(text), keys, columns, call);
  const Image image = Toolchain::shared()->build(source, "sm_90a", Image::Kind::Ptx, "product").image;
  const Buffer values(device, Element::U8, {keys, columns}, std::as_bytes(std::span(v)));
  const Buffer factors(device, Element::F32, {64, keys}, std::as_bytes(std::span(weights)));
  const Buffer out(device, Element::F32, {64, columns}), found(device, Element::I32, {1});
  DevicePtr pointers[] = {values.tensor().data, factors.tensor().data, out.tensor().data, found.tensor().data};
  void* arguments[] = {&pointers[0], &pointers[1], &pointers[2], &pointers[3]};
  device->launch(*device->load(image, "product"),
                 {.block = {256, 1, 1}, .dynamic_shared = static_cast<std::size_t>(2 * keys * columns + 4)}, arguments);
  device->synchronize();
  Product product{std::vector<float>(64 * static_cast<std::size_t>(columns)), false, device->counters()};
  out.copyTo(std::as_writable_bytes(std::span(product.out)));
  std::int32_t flag = 0;
  found.copyTo(std::as_writable_bytes(std::span(&flag, 1)));
  product.found = flag != 0;
  return product;
}

class Float8 : public testing::TestWithParam<std::pair<int, int>> {
protected:
  int keys = GetParam().first, columns = GetParam().second;
  std::mt19937 random{7};

  std::vector<std::uint8_t> values() {
    std::vector<std::uint8_t> v(static_cast<std::size_t>(keys) * columns);
    for (auto& bits : v)
      bits = toE4m3(static_cast<float>(static_cast<int>(random() % 17) - 8)); // small integers: sums are exact
    return v;
  }
  std::vector<float> weights() {
    std::vector<float> w(64 * static_cast<std::size_t>(keys));
    for (auto& weight : w)
      weight = static_cast<float>(random() % 9);
    return w;
  }
  std::vector<float> expected(const std::vector<float>& weights, const std::vector<std::uint8_t>& v) const {
    std::vector<float> out(64 * static_cast<std::size_t>(columns));
    for (int row = 0; row < 64; ++row)
      for (int key = 0; key < keys; ++key)
        for (int column = 0; column < columns; ++column)
          out[row * columns + column] += weights[row * keys + key] * fromE4m3(v[key * columns + column]);
    return out;
  }
};

TEST_P(Float8, ProductsMeetTheirKeys) {
  const auto w = weights();
  const auto v = values();
  const Product product = run(keys, columns, false, w, v);
  EXPECT_EQ(product.out, expected(w, v));
  EXPECT_FALSE(product.found);
  expectNoBankTwice(product.counters);
}

TEST_P(Float8, HiddenNaNBecomesFinite) {
  auto w = weights();
  auto v = values();
  for (const int key : {0, 13, keys - 1})
    for (int row = 0; row < 64; ++row)
      w[row * keys + key] = 0;
  v[5] = 0x7f, v[13 * columns] = 0xff, v[keys * columns - 1] = 0x7f;
  const Product product = run(keys, columns, true, w, v);
  EXPECT_TRUE(product.found);
  expectNoBankTwice(product.counters);
  v[5] = v[13 * columns] = v[keys * columns - 1] = 0;
  EXPECT_EQ(product.out, expected(w, v));
  EXPECT_FALSE(run(keys, columns, true, w, v).found);
}

INSTANTIATE_TEST_SUITE_P(Shape, Float8,
                         testing::Values(std::pair{128, 128}, std::pair{32, 32}, std::pair{64, 96}, std::pair{96, 64},
                                         std::pair{160, 32}, std::pair{64, 256}),
                         [](const auto& shape) { return fmt::format("{}x{}", shape.param.first, shape.param.second); });

} // namespace
} // namespace attune::test
