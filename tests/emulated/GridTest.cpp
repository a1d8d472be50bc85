// The grids of FlashAttention's own tests, on the emulated device: a sample of the product by default, all of it with
// ATTUNE_FULL=1. ATTUNE_SEEDS=1,2 runs each under these seeds of the device instead of seed 0. Cases of one spec share
// kernels where their schedules are the same: compiling is what a case costs most.
#include "tests/support/Harness.h"

#include <cstdlib>
#include <iterator>
#include <span>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace attune::test {
namespace {

struct Dims {
  int qk, v;
};
struct Shape {
  int batch, sq, sk;
};
struct Heads {
  int q, kv;
};

constexpr Dims narrow_and_wide[] = {{8, 8},     {32, 32},   {40, 40},   {64, 64},   {72, 72},   {80, 80},
                                    {96, 96},   {128, 128}, {160, 160}, {192, 192}, {224, 224}, {256, 256},
                                    {192, 128}, {64, 256},  {96, 40},   {24, 136},  {128, 8}};
/// sm_90a has kernels of its own from head dim 64 on. 104, 184 and 248 are padded within panels of 64 columns.
constexpr Dims wide[] = {{64, 64},   {72, 72},   {80, 80},   {96, 96},   {104, 104}, {128, 128}, {160, 160},
                         {184, 184}, {192, 192}, {224, 224}, {248, 248}, {256, 256}, {192, 128}, {64, 256}};
std::span<const Dims> dims() {
  return testTarget() == "sm_90a" ? std::span<const Dims>(wide) : std::span<const Dims>(narrow_and_wide);
}

constexpr Shape shapes[] = {{2, 113, 203}, {2, 128, 217},   {2, 113, 211},  {2, 108, 256}, {1, 256, 512},
                            {1, 512, 256}, {2, 1, 239},     {2, 239, 1},    {2, 3, 799},   {1, 799, 3},
                            {1, 127, 512}, {1, 127, 513},   {2, 1, 1},      {2, 64, 128},  {1, 307, 256},
                            {2, 1, 147},   {1, 1023, 1024}, {1, 1024, 1023}};
constexpr Heads heads[] = {{3, 3}, {4, 1}, {6, 2}};
constexpr int masks = 5, scores = 4, dtypes = 2;

int total() { return static_cast<int>(dims().size() * std::size(shapes) * std::size(heads)) * masks * scores * dtypes; }

/// A small generator of the standard, so that window sizes do not depend on the library.
int uniform(std::uint64_t& state, int below) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<int>((state >> 33) % static_cast<unsigned>(below));
}

/// Random distances of a window. Short shapes share one draw for each spec, long ones another: kernels hold distances.
std::pair<int, int> drawWindow(int spec, const Shape& shape) {
  const int longest = shape.sk < 512 ? 192 : 768;
  std::uint64_t state = static_cast<std::uint64_t>(spec) * 1024 + static_cast<std::uint64_t>(longest);
  const int below = uniform(state, 4) == 0 ? 4 : longest; // a few of them narrow
  const int left = uniform(state, below);
  return {left, uniform(state, below)};
}

Case gridCase(int index) {
  int rest = index;
  const auto pick = [&](std::size_t size) {
    const int count = static_cast<int>(size);
    return std::exchange(rest, rest / count) % count;
  };
  const int dim = pick(dims().size());
  const Dims d = dims()[static_cast<std::size_t>(dim)];
  const Shape shape = shapes[pick(std::size(shapes))];
  const int spec = rest * static_cast<int>(dims().size()) + dim; // the number of what is not the shape
  const Heads h = heads[pick(std::size(heads))];
  const int mask = pick(masks), score = pick(scores);
  Case c;
  c.spec = {.dtype = pick(dtypes) ? DType::F16 : DType::BF16,
            .q_heads = h.q,
            .kv_heads = h.kv,
            .head_dim = d.qk,
            .head_dim_v = d.v};
  c.lengths = reference::Lengths::dense(shape.batch, shape.sq, shape.sk);
  c.seed = static_cast<std::uint64_t>(index) + 1;
  if (testTarget() == "sm_90a" && spec % 2)
    c.multiprocessors = 3; // so that blocks of persistent kernels have several tiles of rows
  c.spec.causal = mask == 1 || mask == 4 ? Causal::BottomRight : mask == 2 ? Causal::TopLeft : Causal::None;
  const auto [left, right] = drawWindow(spec, shape);
  if (mask >= 3) // local
    c.spec.window.left = left;
  if (mask == 3)
    c.spec.window.right = right;
  c.spec.softcap = score == 1 ? 50 : 0;
  c.spec.alibi = score == 2 ? Alibi::PerBatchHead : Alibi::None;
  c.spec.sink = score == 3;
  constexpr Layout layouts[] = {Layout::Bshd, Layout::Bhsd, Layout::Strided};
  c.spec.layout = layouts[index % 3];
  return c;
}

class Grid : public testing::TestWithParam<int> {};

std::vector<int> deviceSeeds() {
  const char* text = std::getenv("ATTUNE_SEEDS");
  std::istringstream list(text ? text : "0");
  std::vector<int> seeds;
  for (std::string seed; std::getline(list, seed, ',');)
    seeds.push_back(std::stoi(seed));
  return seeds;
}

TEST_P(Grid, IsRight) {
  Case c = gridCase(GetParam());
  const reference::Tensors tensors = tensorsOf(c);
  const Expected expected = expectedOf(c, tensors);
  for (const int seed : deviceSeeds()) {
    c.reseed = static_cast<std::uint64_t>(seed) * static_cast<std::uint64_t>(total());
    c.random_landing = (GetParam() + seed) % 2;
    EXPECT_EQ(failure(c, tensors, expected), "");
  }
}

/// A stride that shares no factor with the total visits the product evenly in every direction.
std::vector<int> indices() {
  const int count = std::getenv("ATTUNE_FULL") ? total() : testTarget() == "sm_90a" ? 110 : 160;
  std::vector<int> all;
  for (int i = 0; i < count; ++i)
    all.push_back(
        static_cast<int>(static_cast<long long>(i) * 22699 % total())); // a prime that no total has as a factor
  return all;
}

INSTANTIATE_TEST_SUITE_P(FlashAttention, Grid, testing::ValuesIn(indices()), [](const auto& param) {
  const Case c = gridCase(param.param);
  return fmt::format("{}_{}x{}_d{}_{}_{}", param.param, c.lengths.sq(0), c.lengths.sk(0), c.spec.head_dim,
                     c.spec.head_dim_v, c.spec.dtype == DType::BF16 ? "bf16" : "f16");
});

} // namespace
} // namespace attune::test
