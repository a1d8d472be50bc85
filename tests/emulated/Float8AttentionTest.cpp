// fp8_e4m3 on the kernels that have it: head dims, heads, masks, scores and lengths, under several seeds; what its sums
// lose; NaN in hidden and in visible values; and bugs planted where 8-bit kernels differ from the others.
#include "tests/emulated/OnHopper.h"
#include "tests/emulated/PlantedBugs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace attune::test {
namespace {

using reference::Lengths;
using reference::Tensors;

struct Float8Attention : OnHopper<testing::Test> {};

AttentionSpec fp8Spec(int head_dim, int head_dim_v = 0) {
  AttentionSpec spec = gqaSpec(head_dim, head_dim_v);
  spec.dtype = DType::E4M3;
  return spec;
}

/// On one, two or all multiprocessors: blocks of few have several tiles of rows.
Case fp8Case(const AttentionSpec& spec, const Lengths& lengths, std::uint64_t seed) {
  return {.spec = spec,
          .lengths = lengths,
          .seed = seed,
          .random_landing = seed % 2 == 1,
          .multiprocessors = static_cast<int>(seed % 3),
          .check_races = true};
}

struct HeadDims {
  int qk, v;
};

class Float8HeadDims : public OnHopper<testing::TestWithParam<HeadDims>> {};

TEST_P(Float8HeadDims, AreRight) {
  AttentionSpec spec = fp8Spec(GetParam().qk, GetParam().v);
  std::uint64_t seed = 1;
  for (const Causal causal : {Causal::None, Causal::BottomRight}) {
    spec.causal = causal;
    EXPECT_EQ(failure(fp8Case(spec, Lengths::dense(2, 113, 331), seed++)), "");
    EXPECT_EQ(failure(fp8Case(spec, Lengths::dense(1, 2, 520), seed++)), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Dims, Float8HeadDims,
                         testing::Values(HeadDims{64, 64}, HeadDims{128, 128}, HeadDims{256, 256}, HeadDims{96, 96},
                                         HeadDims{192, 128}, HeadDims{80, 48}, HeadDims{16, 32}),
                         [](const auto& dims) { return fmt::format("{}x{}", dims.param.qk, dims.param.v); });

TEST_F(Float8Attention, MasksScoresAndLayouts) {
  std::uint64_t seed = 1;
  const auto check = [&](auto change, const Lengths& lengths) {
    AttentionSpec spec = fp8Spec(64);
    change(spec);
    EXPECT_EQ(failure(fp8Case(spec, lengths, seed++)), "");
  };
  check([](auto& s) { s.window = {.left = 70, .right = 5}; }, Lengths::dense(1, 203, 400));
  check([](auto& s) { s.causal = Causal::TopLeft, s.softcap = 20; }, Lengths::dense(1, 150, 260));
  check([](auto& s) { s.causal = Causal::BottomRight, s.alibi = Alibi::PerBatchHead, s.sink = true; },
        Lengths::dense(2, 70, 200));
  check([](auto& s) { s.prefix = 40, s.window.left = 30, s.causal = Causal::BottomRight, s.layout = Layout::Bhsd; },
        Lengths::dense(1, 250, 250));
  check([](auto& s) { s.causal = Causal::BottomRight, s.layout = Layout::Strided; }, Lengths::dense(2, 129, 140));
  check([](auto& s) { s.varlen = true, s.causal = Causal::BottomRight; },
        {{0, 50, 50, 190, 191}, {0, 77, 140, 140, 440}});
  check([](auto& s) { s.lse = false; }, Lengths::dense(1, 40, 1));
  check([](auto&) {}, Lengths::dense(1, 5, 0)); // no key at all
}

TEST_F(Float8Attention, Splits) {
  for (const std::uint64_t seed : {1, 2}) {
    AttentionSpec spec = fp8Spec(128);
    spec.causal = Causal::BottomRight;
    Case c = fp8Case(spec, Lengths::dense(2, 3, 900), seed);
    c.splits = 3;
    EXPECT_EQ(failure(c), "");
    spec.sink = true;
    c.spec = spec;
    EXPECT_EQ(failure(c), "");
  }
}

TEST_F(Float8Attention, ScalesAreOfBatchAndKvHead) { // of very different sizes: any mix-up is seen
  AttentionSpec spec = fp8Spec(64);
  Case c = fp8Case(spec, Lengths::dense(3, 20, 90), 5);
  Tensors tensors = tensorsOf(c);
  for (std::size_t i = 0; i < tensors.q_descale.size(); ++i) {
    tensors.q_descale[i] = 0.25f + static_cast<float>(i);
    tensors.k_descale[i] = 2.0f / (1.0f + static_cast<float>(i * i));
    tensors.v_descale[i] = static_cast<float>(1 << i);
  }
  EXPECT_EQ(failure(c, tensors), "");
}

TEST_F(Float8Attention,
       AFactorOfZeroLeavesTheMeanOfVisibleValues) { // a head that is all zero, scaled by its largest element
  for (const bool sink : {false, true}) {
    AttentionSpec spec = fp8Spec(64);
    spec.causal = Causal::BottomRight;
    spec.sink = sink;
    const Case c = fp8Case(spec, Lengths::dense(2, 140, 300), 3);
    Tensors tensors = tensorsOf(c);
    tensors.q_descale[0] = tensors.k_descale[1] = tensors.v_descale[0] = 0;
    EXPECT_EQ(failure(c, tensors), "");
  }
}

/// Rows whose LSE is next to nothing, and the partial sums of whose scores are not.
TEST_F(Float8Attention, LseErrsAsThePartialSumsOfScoresDo) {
  for (const std::uint64_t seed : {1, 2}) {
    AttentionSpec spec = fp8Spec(128);
    spec.mask = {"q == k"}; // LSE is a score
    EXPECT_EQ(failure(fp8Case(spec, Lengths::dense(4, 256, 256), seed)), "");
    spec.scale = 1;
    EXPECT_EQ(failure(fp8Case(spec, Lengths::dense(1, 113, 113), seed)), "");
    spec.mask.clear();
    spec.causal = Causal::BottomRight;
    spec.scale = 8;
    EXPECT_EQ(failure(fp8Case(spec, Lengths::dense(1, 250, 250), seed)), "");
  }
}

/// What templates/README.md says of it.
TEST_F(Float8Attention, SumsOverManyKeysComeOutSmallUnlessSplit) {
  if (onGpu())
    GTEST_SKIP() << "the numbers are the emulated device's";
  AttentionSpec spec = fp8Spec(64);
  spec.q_heads = spec.kv_heads = 1;
  Case c = fp8Case(spec, Lengths::dense(1, 64, 16384), 1);
  Tensors tensors = tensorsOf(c);
  std::ranges::fill(tensors.v, 1.0f);
  tensors.v_descale = {1};
  c.splits = 1;
  const std::vector<float> one = run(c, tensors).o;
  EXPECT_NEAR(std::accumulate(one.begin(), one.end(), 0.0) / static_cast<double>(one.size()), 0.988, 5e-4);
  c.splits = 16;
  for (const float o : run(c, tensors).o)
    ASSERT_EQ(o, 1);
}

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

TEST_F(Float8Attention, NaNReachesExactlyTheRowsThatSeeIt) {
  AttentionSpec spec = fp8Spec(64);
  spec.causal = Causal::BottomRight;
  for (const int key : {0, 95, 170, 202})
    for (const std::uint64_t seed : {1, 2}) {
      const Case c = fp8Case(spec, Lengths::dense(1, 203, 203), seed);
      Tensors tensors = tensorsOf(c);
      std::fill_n(tensors.v.begin() + key * 128, 128, nan);
      EXPECT_EQ(failure(c, tensors), "") << key;
      tensors = tensorsOf(c);
      std::fill_n(tensors.k.begin() + key * 128, 128, nan);
      EXPECT_EQ(failure(c, tensors), "") << key;
    }
}

TEST_F(Float8Attention, NaNOfKeysThatNobodySees) {
  AttentionSpec spec = fp8Spec(128);
  spec.causal = Causal::BottomRight;
  spec.window.left = 20;
  for (const int splits : {1, 3}) {
    Case c = fp8Case(spec, Lengths::dense(1, 40, 400), 3);
    c.splits = splits;
    Tensors tensors = tensorsOf(c);
    std::fill_n(tensors.k.begin(), (400 - 40 - 20) * 256, nan);
    std::fill_n(tensors.v.begin(), (400 - 40 - 20) * 256, nan);
    EXPECT_EQ(failure(c, tensors), "");
  }
}

Case ofBugs() {
  AttentionSpec spec = fp8Spec(64);
  spec.causal = Causal::BottomRight;
  Case c = fp8Case(spec, Lengths::dense(2, 301, 501), 1);
  c.schedule = scheduleFromText(
      "q_tile=128 kv_tile=64 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1");
  return c;
}

TEST_F(Float8Attention, TheKernelWithoutOneIsRight) { expectNothingFound(ofBugs()); }

class Float8Bug : public OnHopper<testing::TestWithParam<Bug>> {};

TEST_P(Float8Bug, IsFound) { expectFound(ofBugs(), GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Planted, Float8Bug,
    testing::Values(Bug{"VIsTransposedBeforeItIsThere", "bar::wait(v_landed[ring.slot()], ring.phase());", 0, ""},
                    Bug{"TransposedIntoWhatIsRead",
                        "bar::wait(v_empty[ring.slot()], ring.phase() ^ 1);\n        warpgroup::transpose(", 0,
                        "warpgroup::transpose("},
                    Bug{"VIsOverwrittenBeforeItIsTransposed", "bar::wait(v_full[ring.slot()], ring.phase() ^ 1);", 0,
                        ""},
                    Bug{"OneWarpIsEnough", "bar::init(v_full, 3)", 0, "bar::init(v_full, 1)"},
                    Bug{"VIsReadBeforeItIsTransposed", "bar::wait(v_full[ring.slot()], ring.phase(), row_sum);", 0, ""},
                    Bug{"WrongStageOfV", "probs, v_t_smem[ring.slot()])", 0, "probs, v_t_smem[ring.slot(-1)])"},
                    Bug{"NoDescaleOfK", " * k_descale[descale]", 0, ""},
                    Bug{"NoDescaleOfV", "v_descale[descale]", 0, "1.0f"},
                    Bug{"DescaleOfAnotherHead", "q_descale[descale]", 0, "q_descale[descale ^ 1]"},
                    Bug{"LseWithWeightsScale", "softmax::normalize<8>", 0, "softmax::normalize"},
                    Bug{"WeightsWithoutScale", "softmax::step<8>", 0, "softmax::step"}),
    [](const auto& bug) { return std::string(bug.param.name); });

} // namespace
} // namespace attune::test
