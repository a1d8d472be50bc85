// What the engine chooses where nothing was tuned, and how keys are cut into chunks.
#include "runtime/schedules/Untuned.h"

#include "attune/compiler/DefaultSchedule.h"
#include "runtime/model/Chunks.h"
#include "runtime/model/CostModel.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

using model::Chunks;
using model::cut;
using schedules::pinned;

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

TEST(Chunks, CutCoversAllTiles) {
  for (std::int64_t tiles = 1; tiles < 100; ++tiles)
    for (int wanted = 0; wanted < 120; ++wanted) { // also what a foreign provider might say
      const Chunks chunks = cut({}, {.q_len = 1, .kv_len = tiles * 64}, {.kv_tile = 64}, wanted);
      ASSERT_GE(chunks.splits * chunks.split_tiles, tiles);
      ASSERT_LT((chunks.splits - 1) * chunks.split_tiles, tiles);
      ASSERT_LE(chunks.splits, std::max(wanted, 1));
    }
}

TEST(Chunks, AWindowBoundsTheTilesAndAPrefixAddsItsOwn) {
  AttentionSpec spec{
      .q_heads = 4, .kv_heads = 4, .head_dim = 64, .causal = Causal::BottomRight, .window = {.left = 127}};
  const Problem problem{.batch = 1, .q_len = 1, .kv_len = 8192};
  const Schedule schedule{.q_tile = 64, .kv_tile = 64, .split_kv = true};
  // 128 keys may lie in three tiles of 64, and one more is granted to rounding
  const std::int64_t windowed = model::keyTiles(spec, problem, schedule);
  EXPECT_GE(windowed, 3);
  EXPECT_LE(windowed, 4);
  spec.prefix = 65; // two tiles more, and never more than there are
  EXPECT_EQ(model::keyTiles(spec, problem, schedule), windowed + 2);
  spec.prefix = 100000;
  EXPECT_EQ(model::keyTiles(spec, problem, schedule), 8192 / 64);
}

TEST(Chunks, AChunkBoundsTheTiles) {
  AttentionSpec spec{.q_heads = 4, .kv_heads = 4, .head_dim = 64, .causal = Causal::BottomRight, .chunk = 8192};
  const Schedule schedule{.q_tile = 64, .kv_tile = 64, .split_kv = true};
  const auto tiles = [&](std::int64_t q_len, std::int64_t kv_len) {
    return model::keyTiles(spec, {.batch = 1, .q_len = q_len, .kv_len = kv_len}, schedule);
  };
  EXPECT_GE(tiles(1, 1000000), 8192 / 64);
  EXPECT_LE(tiles(1, 1000000), 8192 / 64 + 2);
  EXPECT_EQ(tiles(1, 1000), 16) << "all there are";
  spec.causal = Causal::None;
  EXPECT_GE(tiles(64, 1000000), 2 * 8192 / 64) << "64 queries lie in two chunks at most";
  EXPECT_LE(tiles(64, 1000000), 2 * 8192 / 64 + 2);
}

TEST(Untuned, DecodeSplitsAndPrefillDoesNot) {
  const AttentionSpec spec{.q_heads = 28, .kv_heads = 4, .head_dim = 128, .causal = Causal::BottomRight};
  const auto decode = costModel()->choose(spec, {.batch = 1, .q_len = 1, .kv_len = 8192}, h200(), 0);
  EXPECT_TRUE(decode.schedule.split_kv);
  EXPECT_TRUE(decode.schedule.pack_gqa);
  EXPECT_GT(decode.splits, 8); // four blocks on 132 multiprocessors
  const auto prefill = costModel()->choose(spec, {.batch = 4, .q_len = 4096, .kv_len = 4096}, h200(), 0);
  EXPECT_FALSE(prefill.schedule.split_kv);
  EXPECT_EQ(prefill.splits, 1);
}

TEST(Untuned, BatchInvariantChunksHaveOneSize) {
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
        EXPECT_EQ(cut(spec, problem, choice.schedule, choice.splits).split_tiles * choice.schedule.kv_tile, 2048);
        EXPECT_EQ(choice.splits, ceilDiv(kv_len, 2048));
      }
}

TEST(Untuned, APinnedScheduleThatDoesNotSplitRefusesACount) {
  const AttentionSpec spec{.q_heads = 4, .kv_heads = 4, .head_dim = 64};
  EXPECT_THROW(pinned(spec, {.q_len = 1, .kv_len = 128}, {.split_kv = false}, 4, h200()), UserError);
  EXPECT_EQ(pinned(spec, {.q_len = 1, .kv_len = 128}, {.split_kv = true}, 7, h200()).splits, 2); // no more than tiles
}

} // namespace
} // namespace attune
