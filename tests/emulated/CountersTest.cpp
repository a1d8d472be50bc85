// What a kernel moves, counted exactly by the emulated device.
#include "tests/emulated/BankConflicts.h"
#include "tests/emulated/OnHopper.h"

#include "runtime/reference/Visibility.h"

#include <gtest/gtest.h>

namespace attune::test {
namespace {

using reference::Lengths;

std::uint64_t bytesOf(DType dtype) { return dtype == DType::E4M3 ? 1 : 2; }

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
  return keys * heads * head_dim * bytesOf(spec.dtype) * c.lengths.batch();
}

/// Each chunk of the keys reads Q, and hands O on in fp32; some key of each chunk is visible to each tile of rows.
void expectRowsOnce(const Case& c, const Result& result) {
  const AttentionSpec& spec = c.spec;
  const std::uint64_t rows = static_cast<std::uint64_t>(c.lengths.batch()) * c.lengths.sq(0) * spec.q_heads;
  const std::uint64_t chunks = result.splits, columns = spec.head_dim_v;
  Counters forward = result.counters.front(), last = result.counters.back();
  EXPECT_EQ(forward["global.read.bytes:q"], chunks * rows * spec.head_dim * bytesOf(spec.dtype)) << describe(c);
  EXPECT_EQ(last["global.write.bytes:o"], rows * columns * bytesOf(outputType(spec.dtype))) << describe(c);
  EXPECT_EQ(last["global.write.bytes:lse"], rows * sizeof(float)) << describe(c);
  if (chunks > 1) {
    EXPECT_EQ(forward["global.write.bytes:o_partial"], chunks * rows * columns * sizeof(float)) << describe(c);
    EXPECT_EQ(last["global.read.bytes:o_partial"], chunks * rows * columns * sizeof(float)) << describe(c);
  }
}

/// And O is right.
Result runRight(const Case& c) {
  const reference::Tensors tensors = tensorsOf(c);
  Result result = run(c, tensors);
  EXPECT_EQ(reference::compare(c.spec, c.lengths, tensors, result.o, result.lse).message, "") << describe(c);
  for (const Counters& counters : result.counters)
    expectNoBankTwice(counters, describe(c) + "\nschedule " + toText(result.schedule));
  return result;
}

void expectEachTileOnce(const Case& c) {
  const Result result = runRight(c);
  Counters counters = result.counters.front();
  EXPECT_EQ(counters["global.read.bytes:k"], bytesOnce(c, result.schedule, c.spec.head_dim)) << describe(c);
  EXPECT_EQ(counters["global.read.bytes:v"], bytesOnce(c, result.schedule, c.spec.head_dim_v)) << describe(c);
  expectRowsOnce(c, result);
  // The tensor cores are fed one way only.
  const bool roles = result.schedule.warp_specialized;
  EXPECT_EQ(counters["instructions.wgmma"] > 0, roles) << describe(c);
  EXPECT_EQ(counters["instructions.mma"] > 0, !roles) << describe(c);
  EXPECT_GT(counters[roles ? "shared.wgmma.wavefronts" : "shared.ldmatrix.wavefronts"], 0u);
  if (result.counters.size() == 1) { // O goes through shared memory
    EXPECT_GT(counters["shared.store.wavefronts"], 0u) << describe(c);
  }
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

TEST(Counters, ExactHeadDimsMoveNoPaddingAndMeetNoBankTwice) { // two dims a kernel: 8 with 256, 16 with 248, ...
  const auto check = [](int narrowest, int sum) {
    for (int head_dim = narrowest; head_dim <= 128; head_dim += 8) {
      AttentionSpec spec = gqaSpec(head_dim, sum - head_dim);
      spec.causal = Causal::BottomRight;
      expectEachTileOnce({.spec = spec, .lengths = Lengths::dense(1, 40, 100), .splits = 1});
    }
  };
  const bool roles = testTarget() == "sm_90a"; // below head dim 64 kernels are those of sm_80
  check(roles ? 64 : 8, 264);
  if (roles)
    check(64, 320);
}

TEST(Counters, RowsThatAreNoBoxMeetNoBankTwice) { // packed heads, and O of packed sequences
  for (const int head_dim : {72, 104, 160, 248}) {
    AttentionSpec spec = gqaSpec(head_dim);
    spec.causal = Causal::BottomRight;
    for (const int splits : {1, 2})
      EXPECT_TRUE(runRight({.spec = spec, .lengths = Lengths::dense(1, 20, 150), .splits = splits}).schedule.pack_gqa);
    spec.varlen = true;
    runRight({.spec = spec, .lengths = {{0, 70, 75}, {0, 90, 100}}});
  }
}

struct HopperCounters : OnHopper<testing::Test> {};

TEST_F(HopperCounters, EightBitsAreReadOnceAndTransposedWithoutConflicts) {
  for (const auto& [head_dim, head_dim_v] : {std::pair{128, 128}, {80, 112}}) {
    AttentionSpec spec = gqaSpec(head_dim, head_dim_v);
    spec.dtype = DType::E4M3;
    expectEachTileOnce({.spec = spec, .lengths = Lengths::dense(2, 150, 400), .splits = 1});
    spec.causal = Causal::BottomRight;
    expectEachTileOnce({.spec = spec, .lengths = Lengths::dense(1, 150, 400), .splits = 1});
    expectEachTileOnce({.spec = spec, .lengths = Lengths::dense(1, 20, 300), .splits = 1}); // packed heads
  }
}

} // namespace
} // namespace attune::test
