// What a kernel moves, counted exactly by the emulated device.
#include "tests/support/Harness.h"

#include "runtime/reference/Visibility.h"

#include <gtest/gtest.h>

namespace attune::test {
namespace {

using reference::Lengths;

/// Bytes of K (or V) if each block reads each key tile with a visible pair once, and nothing else. Pair by pair, not by
/// the compiler's bounds.
std::uint64_t bytesOnce(const Case& c, const Schedule& s, int head_dim) {
  const AttentionSpec& spec = c.spec;
  const int group = s.pack_gqa ? spec.q_heads / spec.kv_heads : 1, heads = spec.q_heads / group;
  const int sq = c.lengths.sq(0), sk = c.lengths.sk(0);
  const auto visible = reference::visiblePairs(spec, sq, sk);
  std::uint64_t keys = 0;
  for (int row = 0; row < sq * group; row += s.q_tile)
    for (int key = 0; key < sk; key += s.kv_tile) {
      const int q_end = std::min(sq, (row + s.q_tile - 1) / group + 1), k_end = std::min(sk, key + s.kv_tile);
      bool seen = false;
      for (int q = row / group; q < q_end; ++q)
        for (int k = key; k < k_end; ++k)
          seen = seen || visible[static_cast<std::size_t>(q) * sk + k];
      keys += seen ? k_end - key : 0;
    }
  return keys * heads * head_dim * 2 * c.lengths.batch();
}

void expectEachTileOnce(const Case& c) {
  const Result result = run(c, tensorsOf(c));
  Counters counters = result.counters.front();
  EXPECT_EQ(counters["global.read.bytes:k"], bytesOnce(c, result.schedule, c.spec.head_dim)) << describe(c);
  EXPECT_EQ(counters["global.read.bytes:v"], bytesOnce(c, result.schedule, c.spec.head_dim_v)) << describe(c);
  // The tensor cores are fed one way only, and no way of access meets a bank twice.
  const bool roles = result.schedule.warp_specialized;
  EXPECT_EQ(counters["instructions.wgmma"] > 0, roles) << describe(c);
  EXPECT_EQ(counters["instructions.mma"] > 0, !roles) << describe(c);
  EXPECT_GT(counters[roles ? "shared.wgmma.wavefronts" : "shared.ldmatrix.wavefronts"], 0u);
  for (const std::string access : {"ldmatrix", "copy", "bulk", "wgmma"})
    EXPECT_EQ(counters["shared." + access + ".wavefronts"], counters["shared." + access + ".wavefronts.minimum"])
        << access << " " << describe(c);
}

TEST(Counters, KeysAndValuesAreReadOncePerQueryTileThatNeedsThem) {
  for (const int head_dim : {40, 64, 72, 96, 128, 256}) {
    AttentionSpec spec = gqaSpec(head_dim);
    expectEachTileOnce({.spec = spec, .lengths = Lengths::dense(1, 203, 256), .splits = 1});
    spec.causal = Causal::BottomRight;
    expectEachTileOnce({.spec = spec, .lengths = Lengths::dense(2, 256, 300), .splits = 1});
    spec.window.left = 70;
    expectEachTileOnce({.spec = spec, .lengths = Lengths::dense(1, 300, 300), .splits = 1});
  }
}

TEST(Counters, DecodeReadsKeysOncePerGroup) {
  AttentionSpec spec = gqaSpec(128);
  for (const int splits : {1, 4})
    expectEachTileOnce({.spec = spec, .lengths = Lengths::dense(1, 1, 1000), .splits = splits});
}

TEST(Counters, ExactHeadDimsMoveNoPaddingAndMeetNoBankTwice) {
  const int narrowest = testTarget() == "sm_90a" ? 64 : 8;         // below it kernels are those of sm_80
  for (int head_dim = narrowest; head_dim <= 128; head_dim += 8) { // two dims a kernel: 8 with 256, 16 with 248, ...
    AttentionSpec spec = gqaSpec(head_dim, 264 - head_dim);
    spec.causal = Causal::BottomRight;
    expectEachTileOnce({.spec = spec, .lengths = Lengths::dense(1, 40, 100), .splits = 1});
  }
}

} // namespace
} // namespace attune::test
