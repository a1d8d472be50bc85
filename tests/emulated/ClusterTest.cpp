// Clusters: blocks that share K and V. They read each key tile once for both, walk the same tiles whatever the mask,
// and leave together.
#include "tests/emulated/BankConflicts.h"
#include "tests/emulated/OnHopper.h"
#include "tests/emulated/PlantedBugs.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace attune::test {
namespace {

using reference::Lengths;

struct Cluster : OnHopper<testing::Test> {};

constexpr const char* small =
    "q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1";
constexpr const char* wide =
    "q_tile=128 kv_tile=32 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1";

Case clustered(const AttentionSpec& spec, const Lengths& lengths, const char* schedule = small) {
  Case c{.spec = spec, .lengths = lengths};
  c.schedule = scheduleFromText(std::string(schedule) + " cluster=2");
  c.check_races = true;
  return c;
}

AttentionSpec causal(int head_dim, int head_dim_v = 0) {
  AttentionSpec spec = gqaSpec(head_dim, head_dim_v);
  spec.causal = Causal::BottomRight;
  return spec;
}

/// Under seeds that let copies land at the latest moment, and at random ones.
void expectRight(Case c) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    c.seed = seed;
    c.random_landing = seed % 2 == 0;
    EXPECT_EQ(failure(c), "") << describe(c);
  }
}

TEST_F(Cluster, AnyNumberOfTilesOfRows) { // of the last cluster one block may have no row
  for (const int sq : {1, 64, 65, 128, 130, 200}) {
    expectRight(clustered(gqaSpec(64), Lengths::dense(1, sq, 203)));
    expectRight(clustered(causal(64), Lengths::dense(1, sq, 203)));
  }
  expectRight(clustered(causal(128), Lengths::dense(2, 300, 290), wide));
}

TEST_F(Cluster, HeadDims) {
  for (const auto& [head_dim, head_dim_v] : {std::pair{96, 64}, {72, 128}, {192, 128}})
    expectRight(clustered(causal(head_dim, head_dim_v), Lengths::dense(1, 100, 150)));
}

TEST_F(Cluster, Masks) { // bounds are those of both blocks' rows
  AttentionSpec window = causal(64);
  window.window.left = 40;
  expectRight(clustered(window, Lengths::dense(1, 300, 300)));
  AttentionSpec top_left = gqaSpec(64);
  top_left.causal = Causal::TopLeft;
  expectRight(clustered(top_left, Lengths::dense(1, 200, 120)));
  AttentionSpec sets = window; // and the tiles between them are skipped
  sets.prefix = 50;
  expectRight(clustered(sets, Lengths::dense(1, 300, 300)));
  AttentionSpec chunked = causal(64);
  chunked.chunk = 70;
  expectRight(clustered(chunked, Lengths::dense(1, 200, 200)));
}

TEST_F(Cluster, FewKeysOrNone) {
  for (const int sk : {0, 1, 31, 33})
    expectRight(clustered(causal(64), Lengths::dense(1, 200, sk)));
}

TEST_F(Cluster, Varlen) { // a cluster has rows of one sequence, and ends at once if it has none
  AttentionSpec spec = causal(64);
  spec.varlen = true;
  spec.sink = true;
  expectRight(
      clustered(spec, {.cu_seqlens_q = {0, 70, 70, 270, 271, 335}, .cu_seqlens_k = {0, 90, 120, 250, 250, 314}}));
}

TEST_F(Cluster, PackedRowsAndScores) {
  AttentionSpec spec = causal(64);
  spec.alibi = Alibi::PerHead;
  spec.softcap = 20;
  Case c = clustered(spec, Lengths::dense(1, 70, 150));
  c.schedule->pack_gqa = true;
  expectRight(c);
}

/// Bytes of K: those that some row of a cluster sees, in whole tiles, once for each cluster. Its last row sees the
/// most.
std::uint64_t keyBytes(const Case& c, int blocks) {
  const int sq = c.lengths.sq(0), sk = c.lengths.sk(0), rows = c.schedule->q_tile * blocks, tile = c.schedule->kv_tile;
  std::uint64_t keys = 0;
  for (int row = 0; row < sq; row += rows) {
    const int last = std::min(row + rows, sq) - 1;
    const int seen = c.spec.causal == Causal::None ? sk : std::clamp(last + sk - sq + 1, 0, sk);
    keys += std::min((seen + tile - 1) / tile * tile, sk);
  }
  return keys * c.spec.q_heads * c.spec.head_dim * 2 * c.lengths.batch();
}

TEST_F(Cluster, ReadsKeysAndValuesOnceForBothBlocks) {
  if (onGpu())
    GTEST_SKIP() << "the emulated device counts";
  for (const bool dense : {true, false})
    for (const int sq : {256, 300}) {
      Case c = clustered(dense ? gqaSpec(64) : causal(64), Lengths::dense(1, sq, 300));
      Counters both = run(c, tensorsOf(c)).counters.front();
      EXPECT_EQ(both["global.read.bytes:k"], keyBytes(c, 2));
      EXPECT_EQ(both["global.read.bytes:v"], keyBytes(c, 2));
      c.schedule->cluster = 1;
      Counters alone = run(c, tensorsOf(c)).counters.front();
      EXPECT_EQ(alone["global.read.bytes:k"], keyBytes(c, 1));
      if (dense && sq == 256) {
        EXPECT_EQ(both["global.read.bytes:k"] * 2, alone["global.read.bytes:k"]);
      }
      const std::uint64_t rows = static_cast<std::uint64_t>(sq) * c.spec.q_heads * c.spec.head_dim * 2;
      EXPECT_EQ(both["global.read.bytes:q"], rows);
      EXPECT_EQ(both["global.write.bytes:o"], rows);
      expectNoBankTwice(both);
    }
}

constexpr Bug bugs[] = {
    {"NoBarrierOfTheClusterAtTheStart", "cluster::sync();", 0, "block::sync();"},
    {"NoBarrierOfTheClusterAtTheEnd", "cluster::sync();", 1, ""},
    {"KIsGivenBackToTheOwnProducerAlone", "cluster::arrive<2>(k_empty[ring.slot()])", 0,
     "bar::arrive(k_empty[ring.slot()])"},
    {"VIsGivenBackToTheOwnProducerAlone", "cluster::arrive<2>(v_empty[ring.slot(-1)])", 0,
     "bar::arrive(v_empty[ring.slot(-1)])"},
    {"OneBlocksArrivalsAreEnoughForK", "bar::init(k_empty, 8)", 0, "bar::init(k_empty, 4)"},
    {"OneBlocksArrivalsAreEnoughForV", "bar::init(v_empty, 8)", 0, "bar::init(v_empty, 4)"},
    {"HalfOfAnArrival", "cluster::arrive<2>(k_empty[ring.slot()])", 0, "cluster::arrive<1>(k_empty[ring.slot()])"},
    {"EachBlockLoadsHalfForItselfAlone", "tma::multicast_async<2>(k_smem[ring.slot(1)]", 0,
     "tma::multicast_async<1>(k_smem[ring.slot(1)]"},
    {"NoWaitForRoomForK", "bar::wait(k_empty[ring.slot(1)], ring.phase(1) ^ 1);", 0, ""},
    {"NoWaitForRoomForV", "bar::wait(v_empty[ring.slot()], ring.phase() ^ 1);", 0, ""},
    {"BlocksWalkTheirOwnTiles", "floordiv(q_begin, 128) * 128", 0,
     "q_begin"}, // of causal rows the second block has more
    {"NoWaitForK", "bar::wait(k_full[ring.slot(1)], ring.phase(1));", 0, ""},
    {"VIsGivenBackTooEarly",
     "warpgroup::wait<0>(out);\n    if (j < kv_last)\n      cluster::arrive<2>(v_empty[ring.slot(-1)]);", 0,
     "if (j < kv_last)\n      cluster::arrive<2>(v_empty[ring.slot(-1)]);\n    warpgroup::wait<0>(out);"},
};

Case ofBugs() { return clustered(causal(64), Lengths::dense(1, 250, 301)); }

TEST_F(Cluster, TheKernelWithoutOneIsRight) { expectNothingFound(ofBugs()); }

// A block's own addresses carry its rank, which must not reach the other fields of a descriptor. V of two panels uses
// the one next to the address.
TEST_F(Cluster, ADescriptorWithoutItsMaskIsFound) {
  const Case c = clustered(causal(128), Lengths::dense(1, 250, 301));
  EXPECT_EQ(found(c, [](const std::string&, const std::string& cuda) { return withTemplates(cuda); }), "");
  expectFound(c, {"", " % 0x40000", 0, "", "race", true});
}

class ClusterBug : public OnHopper<testing::TestWithParam<Bug>> {};

TEST_P(ClusterBug, IsFound) { expectFound(ofBugs(), GetParam()); }
INSTANTIATE_TEST_SUITE_P(Multicast, ClusterBug, testing::ValuesIn(bugs),
                         [](const auto& param) { return param.param.name; });

} // namespace
} // namespace attune::test
