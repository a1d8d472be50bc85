#include "runtime/engine/SplitModel.h"

#include "attune/compiler/DefaultSchedule.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

DeviceProperties h200() {
  return {.name = "H200",
          .arch = "sm_90",
          .multiprocessors = 132,
          .shared_per_block = 227 * 1024,
          .shared_per_multiprocessor = 228 * 1024,
          .registers_per_multiprocessor = 65536,
          .max_threads_per_multiprocessor = 2048};
}

// By hand, with a free combine per chunk: T = waves * (ceil(n / s) + 2) + (s > 1 ? 3 : 0).
TEST(SplitModel, ValuesDerivedByHand) {
  // The grid fills the machine: any split adds waves.
  EXPECT_EQ(chooseSplits({.blocks = 132, .kv_tiles = 64, .slots = 132}), 1); // 66, against 2 * 34 + 3
  // Half of it: two chunks fit in one wave. 64 + 2 = 66 against 32 + 2 + 3 = 37; three chunks take two waves, 2 * 24 +
  // 3 = 51.
  EXPECT_EQ(chooseSplits({.blocks = 66, .kv_tiles = 64, .slots = 132}), 2);
  // A short sequence is not worth a second kernel: 4 + 2 = 6 against 2 + 2 + 3 = 7, and 1 + 2 + 3 = 6 is no better.
  EXPECT_EQ(chooseSplits({.blocks = 1, .kv_tiles = 4, .slots = 132}), 1);
  // One more tile tips it: 5 + 2 = 7 against 1 + 2 + 3 = 6 with five chunks.
  EXPECT_EQ(chooseSplits({.blocks = 1, .kv_tiles = 5, .slots = 132}), 5);
  // 90 blocks on 132 slots: two chunks are two waves (2 * 34 + 3 = 71 > 66), three are three, four are three (3 * 18 +
  // 3 = 57), and the last wave gets fuller with the count: 10 chunks of 7 tiles are 7 waves, 7 * 9 + 3 = 66; 4 is best
  // of those below.
  EXPECT_EQ(chooseSplits({.blocks = 90, .kv_tiles = 64, .slots = 132}), 4);
  // A combine that costs 8 tiles per chunk: 34 + 3 + 16 = 53 with two, 24 + 3 + 24 = 51 with three, 18 + 3 + 32 = 53
  // with four.
  EXPECT_EQ(chooseSplits({.blocks = 1, .kv_tiles = 64, .slots = 132, .combine_per_split = 8}), 3);
  // One that costs more than all the work forbids it.
  EXPECT_EQ(chooseSplits({.blocks = 1, .kv_tiles = 64, .slots = 132, .combine_per_split = 32}), 1);
}

TEST(SplitModel, NeverEmptyNeverMoreThanTiles) {
  for (std::int64_t blocks : {1, 7, 32, 131, 132, 133, 1000})
    for (std::int64_t tiles = 1; tiles < 300; tiles += 3)
      for (const double combine : {0.0, 0.25, 2.0}) {
        const int splits =
            chooseSplits({.blocks = blocks, .kv_tiles = tiles, .slots = 132, .combine_per_split = combine});
        ASSERT_GE(splits, 1);
        ASSERT_LE(splits, tiles);
        const Chunks chunks = cut({}, tiles, splits);
        ASSERT_EQ(chunks.splits, splits) << "a chunk of " << tiles << " tiles is empty";
        ASSERT_GE(chunks.splits * chunks.split_tiles, tiles);
      }
}

TEST(SplitModel, OneChunkWhereTheGridFillsWholeWaves) {
  for (std::int64_t waves = 1; waves <= 8; ++waves)
    for (std::int64_t tiles : {1, 10, 100, 1000})
      EXPECT_EQ(chooseSplits({.blocks = 132 * waves, .kv_tiles = tiles, .slots = 132, .combine_per_split = 0.25}), 1);
}

TEST(SplitModel, AMachineThatHoldsAllChunksAtOnceNeverGetsFewerOnABiggerOne) {
  // While all chunks fit into one wave, a larger machine only adds candidates.
  for (std::int64_t tiles : {16, 100, 999}) {
    int before = 1;
    for (std::int64_t slots = 8; slots <= 1024; slots *= 2) {
      const int splits = chooseSplits({.blocks = 8, .kv_tiles = tiles, .slots = slots, .combine_per_split = 0.25});
      EXPECT_GE(splits, before) << tiles << " tiles, " << slots << " slots";
      before = splits;
    }
  }
}

TEST(SplitModel, CutCoversAllTiles) {
  for (std::int64_t tiles = 1; tiles < 100; ++tiles)
    for (int wanted = 0; wanted < 120; ++wanted) { // also what a foreign provider might say
      const Chunks chunks = cut({}, tiles, wanted);
      ASSERT_GE(chunks.splits * chunks.split_tiles, tiles);
      ASSERT_LT((chunks.splits - 1) * chunks.split_tiles, tiles);
      ASSERT_LE(chunks.splits, std::max(wanted, 1));
    }
}

TEST(SplitModel, AWindowBoundsTheTilesAndAPrefixAddsItsOwn) {
  AttentionSpec spec{
      .q_heads = 4, .kv_heads = 4, .head_dim = 64, .causal = Causal::BottomRight, .window = {.left = 127}};
  const Problem problem{.batch = 1, .q_len = 1, .kv_len = 8192};
  const Schedule schedule{.q_tile = 64, .kv_tile = 64, .split_kv = true};
  // 128 keys may lie in three tiles of 64, and one more is granted to rounding
  const std::int64_t windowed = splitWork(spec, problem, schedule, h200()).kv_tiles;
  EXPECT_GE(windowed, 3);
  EXPECT_LE(windowed, 4);
  spec.prefix = 65; // two tiles more, and never more than there are
  EXPECT_EQ(splitWork(spec, problem, schedule, h200()).kv_tiles, windowed + 2);
  spec.prefix = 100000;
  EXPECT_EQ(splitWork(spec, problem, schedule, h200()).kv_tiles, 8192 / 64);
}

TEST(SplitModel, AChunkBoundsTheTiles) {
  AttentionSpec spec{.q_heads = 4, .kv_heads = 4, .head_dim = 64, .causal = Causal::BottomRight, .chunk = 8192};
  const Schedule schedule{.q_tile = 64, .kv_tile = 64, .split_kv = true};
  const auto tiles = [&](std::int64_t q_len, std::int64_t kv_len) {
    return splitWork(spec, {.batch = 1, .q_len = q_len, .kv_len = kv_len}, schedule, h200()).kv_tiles;
  };
  EXPECT_GE(tiles(1, 1000000), 8192 / 64);
  EXPECT_LE(tiles(1, 1000000), 8192 / 64 + 2);
  EXPECT_EQ(tiles(1, 1000), 16) << "all there are";
  spec.causal = Causal::None;
  EXPECT_GE(tiles(64, 1000000), 2 * 8192 / 64) << "64 queries lie in two chunks at most";
  EXPECT_LE(tiles(64, 1000000), 2 * 8192 / 64 + 2);
}

TEST(CostModel, DecodeSplitsAndPrefillDoesNot) {
  const AttentionSpec spec{.q_heads = 28, .kv_heads = 4, .head_dim = 128, .causal = Causal::BottomRight};
  const auto decode = costModel()->choose(spec, {.batch = 1, .q_len = 1, .kv_len = 8192}, h200(), 0);
  EXPECT_TRUE(decode.schedule.split_kv);
  EXPECT_TRUE(decode.schedule.pack_gqa);
  EXPECT_GT(decode.splits, 8); // four blocks on 132 multiprocessors
  const auto prefill = costModel()->choose(spec, {.batch = 4, .q_len = 4096, .kv_len = 4096}, h200(), 0);
  EXPECT_FALSE(prefill.schedule.split_kv);
  EXPECT_EQ(prefill.splits, 1);
}

TEST(CostModel, BatchInvariantChunksHaveOneSize) {
  AttentionSpec spec{.q_heads = 28, .kv_heads = 4, .head_dim = 128, .causal = Causal::BottomRight};
  spec.batch_invariant = true;
  std::string schedule;
  for (std::int64_t batch : {1, 64})
    for (std::int64_t q_len : {1, 40, 2000})
      for (std::int64_t kv_len : {1, 2048, 2049, 100000}) {
        const Problem problem{.batch = batch, .q_len = q_len, .kv_len = kv_len};
        const auto choice = costModel()->choose(spec, problem, h200(), 0);
        if (schedule.empty())
          schedule = toText(choice.schedule);
        EXPECT_EQ(toText(choice.schedule), schedule);
        const std::int64_t tiles = splitWork(spec, problem, choice.schedule, h200()).kv_tiles;
        EXPECT_EQ(cut(spec, tiles, choice.splits).split_tiles, 32);
        EXPECT_EQ(choice.splits, ceilDiv(tiles, 32));
      }
}

TEST(CostModel, APinnedScheduleThatDoesNotSplitRefusesACount) {
  const AttentionSpec spec{.q_heads = 4, .kv_heads = 4, .head_dim = 64};
  EXPECT_THROW(pinned(spec, {.q_len = 1, .kv_len = 128}, {.split_kv = false}, 4, h200()), UserError);
  EXPECT_EQ(pinned(spec, {.q_len = 1, .kv_len = 128}, {.split_kv = true}, 7, h200()).splits, 2); // no more than tiles
}

} // namespace
} // namespace attune
