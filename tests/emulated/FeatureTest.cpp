// What FlashAttention's grids do not vary: masks of other kinds, packed sequences, forced splits, schedules.
#include "tests/emulated/OnHopper.h"
#include "tests/support/RandomMasks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

namespace attune::test {
namespace {

using reference::Lengths;

Case caseOf(AttentionSpec spec, Lengths lengths, int splits = 0, std::uint64_t seed = 3) {
  return {.spec = std::move(spec),
          .lengths = std::move(lengths),
          .splits = splits,
          .seed = seed,
          .random_landing = seed % 2 == 0};
}

TEST(HeadDims, QAndOInPanelsOfDifferentWidth) { // O takes Q's place in shared memory, in other rows
  for (const auto& [qk, v] : {std::pair{192, 96}, {128, 96}, {64, 160}}) {
    AttentionSpec spec = gqaSpec(qk, v);
    spec.causal = Causal::BottomRight;
    Case c = caseOf(spec, Lengths::dense(1, 150, 203));
    c.check_races = true;
    EXPECT_EQ(failure(c), "");
  }
}

TEST(Masks, Prefix) {
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  for (const int prefix : {1, 70, 128, 300}) {
    spec.prefix = prefix;
    EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 150, 203))), "");
  }
}

TEST(Masks, Chunked) {
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  for (const int chunk : {1, 48, 64, 100, 1000}) {
    spec.chunk = chunk;
    EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 211, 256))), "");
  }
}

TEST(Masks, NegativeAndWideWindows) {
  AttentionSpec spec = gqaSpec(64);
  for (const auto& [left, right] : {std::pair{-3, 80}, {80, -3}, {5000, 0}, {0, 0}, {17, 129}}) {
    spec.window = {.left = left, .right = right};
    EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 203, 113))), "");
    EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 113, 203))), "");
  }
}

TEST(Masks, GapsBetweenSets) { // tiles are counted without them
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  spec.window.left = 40;
  spec.prefix = 130; // full tiles on both sides of the gap
  for (const int splits : {1, 3}) {
    EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 150, 803), splits)), "");
    EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 300, 190), splits)), ""); // rows that see the prefix alone
  }
  spec.varlen = true;
  EXPECT_EQ(failure(caseOf(spec, Lengths{{0, 113, 113, 114, 342}, {0, 303, 320, 520, 748}})), "");
  AttentionSpec many = gqaSpec(64);
  many.mask = {"k < 8", "k <= q + sk - sq and k > q + sk - sq - 30", "k >= 200 and k < 210 and k <= q + sk - sq"};
  EXPECT_EQ(failure(caseOf(many, Lengths::dense(1, 70, 500), 4)), "");
}

TEST(Masks, Custom) {
  AttentionSpec spec = gqaSpec(64);
  for (const std::vector<std::string>& mask : std::vector<std::vector<std::string>>{
           {"k <= q + sk - sq and k % 2 == 0"},                        // dilated
           {"k // 32 == q // 32"},                                     // block-diagonal
           {"k <= q and k >= q - 40", "k < 4"},                        // window and sinks of keys
           {"q < 64 and k < 50", "q >= 64 and k >= 30 and k < sk - 7"} // two documents
       }) {
    spec.mask = mask;
    EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 150, 203))), "") << mask[0];
  }
}

TEST(Masks, Random) { // FoldsTest counts the pairs of many more
  for (unsigned seed = 0; seed < 6; ++seed) {
    RandomMasks random(seed);
    AttentionSpec spec = gqaSpec(64);
    spec.mask = random.sets(/*steepest=*/2, /*anything=*/true);
    const auto lengths =
        Lengths::dense(1, static_cast<int>(random.among(1, 90)), static_cast<int>(random.among(1, 300)));
    EXPECT_EQ(failure(caseOf(spec, lengths, seed % 3 == 2 ? 3 : 1, seed)), "") << RandomMasks::text(spec.mask);
  }
}

TEST(Softcap, SmallAndLarge) { // inputs grow with the cap, so that it always bites
  for (const DType dtype : {DType::BF16, DType::F16}) {
    AttentionSpec spec = gqaSpec(64);
    spec.dtype = dtype;
    spec.softcap = 1000;
    EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 70, 150))), "");
    spec.softcap = 0.5;
    EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 70, 150))), "");
  }
}

TEST(Rows, SeeNothing) { // compare() wants O = 0 and LSE = -inf there, bit for bit
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 203, 113))), "");
  EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 799, 3))), "");
  spec.sink = true; // then LSE is the sink
  EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 203, 113))), "");
  spec = gqaSpec(64);
  EXPECT_EQ(failure(caseOf(spec, Lengths::dense(2, 37, 0))), ""); // no key at all
  EXPECT_EQ(failure(caseOf(spec, Lengths::dense(2, 5, 0), 4)), "");
}

TEST(Rows, SeeNothingBesideASinkThatIsSwitchedOff) { // no key, and a sink of -inf: still O = 0 and LSE = -inf
  for (const int splits : {1, 2}) {
    AttentionSpec spec = gqaSpec(64);
    spec.causal = Causal::BottomRight;
    spec.sink = true;
    const Case c = caseOf(spec, Lengths::dense(1, 203, 113), splits);
    reference::Tensors tensors = tensorsOf(c);
    tensors.sink.assign(tensors.sink.size(), -std::numeric_limits<float>::infinity());
    EXPECT_EQ(failure(c, tensors), "");
  }
}

TEST(Varlen, ZeroLengthsIncluded) {
  AttentionSpec spec = gqaSpec(64);
  spec.varlen = true;
  const Lengths lengths{{0, 113, 113, 114, 242, 250},
                        {0, 203, 220, 220, 348, 351}}; // no query; no key; more queries than keys
  for (const Causal causal : {Causal::None, Causal::BottomRight, Causal::TopLeft}) {
    spec.causal = causal;
    EXPECT_EQ(failure(caseOf(spec, lengths)), "");
  }
  spec.window.left = 33;
  spec.alibi = Alibi::PerBatchHead;
  EXPECT_EQ(failure(caseOf(spec, lengths)), "");
  spec.layout = Layout::Strided;
  EXPECT_EQ(failure(caseOf(spec, lengths, 3)), "");
}

TEST(Varlen, Decode) {
  AttentionSpec spec = gqaSpec(128);
  spec.varlen = true;
  spec.causal = Causal::BottomRight;
  for (const int splits : {0, 1, 5})
    EXPECT_EQ(failure(caseOf(spec, {{0, 1, 2, 2, 4}, {0, 339, 340, 420, 500}}, splits)), "");
}

class Splits : public testing::TestWithParam<int> {};

TEST_P(Splits, AreRightInAnyNumber) {
  const int splits = GetParam();
  AttentionSpec spec = gqaSpec(splits % 2 ? 64 : 128);
  EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 3, 1024), splits, splits)), "");
  spec.causal = Causal::BottomRight;
  EXPECT_EQ(failure(caseOf(spec, Lengths::dense(2, 1, 339), splits, splits)), ""); // more splits than tiles at the end
  EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 64, 800), splits, splits)), "");
  spec.window.left = 100; // chunks that see nothing
  spec.softcap = 20;
  spec.sink = true;
  spec.alibi = Alibi::PerHead;
  EXPECT_EQ(failure(caseOf(spec, Lengths::dense(1, 3, 799), splits, splits)), "");
}
INSTANTIATE_TEST_SUITE_P(SplitKV, Splits, testing::Values(1, 2, 3, 4, 5, 7, 8, 11, 16));

TEST(Seeds, EverySeedGivesTheSameBits) {
  AttentionSpec spec = gqaSpec(128);
  spec.causal = Causal::BottomRight;
  Case c = caseOf(spec, Lengths::dense(1, 130, 203), 3);
  const reference::Tensors tensors = tensorsOf(c);
  const Result first = run(c, tensors);
  for (std::uint64_t seed = 10; seed < 16; ++seed) {
    c.seed = seed;
    c.random_landing = seed % 2;
    const Result other = run(c, tensors);
    EXPECT_EQ(first.o, other.o);
    EXPECT_EQ(first.lse, other.lse);
  }
}

TEST(Races, ThereAreNone) {
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  for (const int splits : {1, 3})
    for (const int sq : {2, 150}) {
      Case c = caseOf(spec, Lengths::dense(1, sq, 300), splits);
      c.check_races = true;
      EXPECT_EQ(failure(c), "");
    }
}

TEST(Schedules, OtherThanTheDefault) {
  for (const char* text : {"q_tile=64 kv_tile=32 warps=4 stages=1 pack_gqa=0 split_kv=0",
                           "q_tile=64 kv_tile=64 warps=4 stages=3 pack_gqa=1 split_kv=0",
                           "q_tile=32 kv_tile=128 warps=2 stages=2 pack_gqa=0 split_kv=0",
                           "q_tile=16 kv_tile=16 warps=1 stages=4 pack_gqa=1 split_kv=1"}) {
    AttentionSpec spec = gqaSpec(72, 40);
    spec.causal = Causal::BottomRight;
    spec.window.left = 90;
    Case c = caseOf(spec, Lengths::dense(1, 77, 203), std::string(text).ends_with("1") ? 3 : 1);
    c.schedule = scheduleFromText(text);
    EXPECT_EQ(failure(c), "") << text;
  }
}

struct HopperSchedules : OnHopper<testing::Test> {};

TEST_F(HopperSchedules, OtherThanTheDefault) { // key tiles, warpgroups, depths of rings and flags that no default has
  for (const auto& [head_dim, text] : {std::pair{64, "q_tile=64 kv_tile=16 warps=4 stages=4"},
                                       {64, "q_tile=128 kv_tile=144 warps=8 stages=4 overlap=1 persistent=1"},
                                       {64, "q_tile=192 kv_tile=144 warps=12 stages=2"},
                                       {64, "q_tile=192 kv_tile=128 warps=12 stages=2 overlap=1 ping_pong=1"},
                                       {64, "q_tile=192 kv_tile=112 warps=12 stages=4 persistent=1"},
                                       {64, "q_tile=128 kv_tile=192 warps=8 stages=3 persistent=1"},
                                       {64, "q_tile=128 kv_tile=208 warps=8 stages=2 overlap=1 ping_pong=1"},
                                       {64, "q_tile=128 kv_tile=224 warps=8 stages=2 overlap=1"},
                                       {64, "q_tile=128 kv_tile=240 warps=8 stages=2"},
                                       {64, "q_tile=64 kv_tile=256 warps=4 stages=2 overlap=1"},
                                       {128, "q_tile=64 kv_tile=96 warps=4 stages=2 overlap=1"},
                                       {128, "q_tile=128 kv_tile=144 warps=8 stages=2 persistent=1"},
                                       {128, "q_tile=128 kv_tile=176 warps=8 stages=2 overlap=1 ping_pong=1"}})
    for (const Causal causal : {Causal::None, Causal::BottomRight}) {
      AttentionSpec spec = gqaSpec(head_dim);
      spec.causal = causal;
      Case c = caseOf(spec, Lengths::dense(1, 220, 530), 1, causal == Causal::None ? 3 : 4);
      c.schedule = scheduleFromText(std::string(text) + " pack_gqa=0 split_kv=0 warp_specialized=1");
      c.multiprocessors = 3; // so that a block of a persistent kernel has several tiles of rows
      c.check_races = true;
      EXPECT_EQ(failure(c), "") << text;
    }
}

} // namespace
} // namespace attune::test
