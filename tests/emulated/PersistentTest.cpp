// Blocks that take turns at several tiles of rows: more pieces than multiprocessors, so that each block has some.
#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/support/FewMultiprocessors.h"
#include "runtime/toolchain/Toolchain.h"
#include "tests/emulated/OnHopper.h"
#include "tests/support/Harness.h"

#include <limits>
#include <numeric>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace attune::test {
namespace {

using reference::Lengths;

struct Persistent : OnHopper<testing::Test> {};

Schedule persistent(int warps, int kv_tile, bool pack_gqa = false) {
  return {.q_tile = 16 * warps,
          .kv_tile = kv_tile,
          .warps = warps,
          .stages = 2,
          .pack_gqa = pack_gqa,
          .warp_specialized = true,
          .overlap = true,
          .ping_pong = warps > 4,
          .persistent = true};
}

/// Under the seeds, on as many multiprocessors as there are seeds.
void expectRight(Case c, const Mutation& mutation = {}) {
  c.check_races = true;
  for (const int seed : {1, 2, 3}) {
    c.seed = static_cast<std::uint64_t>(seed);
    c.random_landing = seed % 2 == 0;
    c.multiprocessors = seed;
    const reference::Tensors tensors = tensorsOf(c);
    const Result result = run(c, tensors, mutation);
    EXPECT_EQ(reference::compare(c.spec, c.lengths, tensors, result.o, result.lse).message, "") << describe(c);
    EXPECT_TRUE(result.gaps_untouched) << describe(c);
  }
}

TEST_F(Persistent, Masks) {
  AttentionSpec spec = gqaSpec(64);
  for (const auto& lengths : {Lengths::dense(2, 150, 200), Lengths::dense(1, 200, 150)}) {
    for (const Causal causal : {Causal::None, Causal::BottomRight, Causal::TopLeft}) {
      spec.causal = causal;
      expectRight({.spec = spec, .lengths = lengths, .schedule = persistent(4, 32)});
    }
    spec.window.left = 40;
    expectRight({.spec = spec, .lengths = lengths, .schedule = persistent(8, 32)});
    spec.prefix = 20;
    expectRight({.spec = spec, .lengths = lengths, .schedule = persistent(4, 32)});
    spec.window = {}, spec.prefix = {};
  }
}

TEST_F(Persistent, DeepRings) { // 5, 7 and 8 tiles of a piece go on in rings of 3 and 5 slots
  for (const int stages : {3, 5}) {
    Case c{.spec = gqaSpec(64), .lengths = Lengths::dense(1, 150, 230), .schedule = persistent(4, 32)};
    c.spec.causal = Causal::BottomRight;
    c.schedule->stages = stages;
    expectRight(c);
    c.spec.window.left = 90; // cut tiles on both sides of full ones
    expectRight(c);
  }
}

TEST_F(Persistent, HeadDims) {
  for (const auto& [dim, dim_v] : {std::pair{64, 128}, {72, 72}, {96, 64}, {128, 128}, {192, 128}}) {
    Case c{.spec = gqaSpec(dim, dim_v), .lengths = Lengths::dense(1, 140, 100), .schedule = persistent(8, 48)};
    c.spec.causal = Causal::BottomRight;
    c.spec.layout = dim == 64 ? Layout::Strided : Layout::Bhsd;
    c.spec.softcap = 20, c.spec.sink = true, c.spec.alibi = Alibi::PerBatchHead;
    expectRight(c);
  }
}

TEST_F(Persistent, ThreeWarpgroups) {
  Case c{.spec = gqaSpec(64), .lengths = Lengths::dense(2, 400, 300), .schedule = persistent(12, 64)};
  c.spec.causal = Causal::BottomRight;
  expectRight(c);
}

TEST_F(Persistent, SequencesOfAnyLength) {
  Case c{.spec = gqaSpec(64), .lengths = {{0, 0, 150, 151, 151, 300}, {0, 77, 140, 140, 440, 500}}};
  c.spec.varlen = true;
  c.schedule = persistent(4, 32);
  expectRight(c);
  c.spec.causal = Causal::BottomRight;
  c.spec.window.left = 33;
  expectRight(c);
}

TEST_F(Persistent, PackedRows) {
  Case c{.spec = gqaSpec(64), .lengths = Lengths::dense(2, 150, 120), .schedule = persistent(8, 32, true)};
  c.spec.q_heads = 6; // three to a kv head: no box
  c.spec.causal = Causal::BottomRight;
  expectRight(c);
}

/// Sections of few heads.
TEST_F(Persistent, Sections) {
  Case c{.spec = gqaSpec(64), .lengths = Lengths::dense(2, 200, 200), .schedule = persistent(4, 64)};
  c.spec.causal = Causal::BottomRight;
  for (const int section : {1, 2, 8})
    expectRight(c, [&](const std::string&, const std::string& cuda) {
      const std::string text = "pieces{q_tiles, heads, section}";
      const std::size_t at = cuda.find(text);
      return at == std::string::npos
                 ? ""
                 : std::string(cuda).replace(at, text.size(), fmt::format("pieces{{q_tiles, heads, {}}}", section));
    });
}

/// A value that is not finite in one piece stays out of those before and after it.
TEST_F(Persistent, HiddenNaN) {
  Case c{.spec = gqaSpec(64), .lengths = Lengths::dense(1, 200, 200), .schedule = persistent(4, 32)};
  c.spec.causal = Causal::BottomRight;
  c.multiprocessors = 2;
  for (const bool races : {false, true})
    for (const int key : {10, 70, 199}) {
      c.check_races = races;
      c.seed = static_cast<std::uint64_t>(key);
      reference::Tensors tensors = tensorsOf(c);
      tensors.v[static_cast<std::size_t>(key) * 2 * 64 + 3] = std::numeric_limits<float>::quiet_NaN();
      tensors.v[static_cast<std::size_t>(key) * 2 * 64 + 64] = -std::numeric_limits<float>::infinity();
      EXPECT_EQ(failure(c, tensors), "") << key;
    }
}

TEST_F(Persistent, ReadsWhatTheTilesNeed) {
  if (onGpu())
    GTEST_SKIP() << "the emulated device counts";
  const int sq = 200, sk = 250, q_tile = 64, kv_tile = 32;
  Case c{.spec = gqaSpec(64), .lengths = Lengths::dense(2, sq, sk), .schedule = persistent(4, kv_tile)};
  c.spec.causal = Causal::BottomRight;
  c.multiprocessors = 3;
  Counters counters = run(c, tensorsOf(c)).counters.front();
  std::uint64_t keys = 0;
  for (int row = 0; row < sq; row += q_tile) {
    const int seen = std::min(row + q_tile, sq) + sk - sq; // of the last query
    keys += static_cast<std::uint64_t>(std::min((seen + kv_tile - 1) / kv_tile * kv_tile, sk));
  }
  EXPECT_EQ(counters["global.read.bytes:k"], keys * 2 * 4 * 64 * 2);
  EXPECT_EQ(counters["global.read.bytes:v"], keys * 2 * 4 * 64 * 2);
  EXPECT_EQ(counters["global.read.bytes:q"], sq * 2 * 4 * 64 * 2U);
  EXPECT_EQ(counters["global.write.bytes:o"], sq * 2 * 4 * 64 * 2U);
}

TEST_F(Persistent, AsManyBlocksAsMultiprocessors) {
  const AttentionSpec spec = gqaSpec(64);
  for (const int multiprocessors : {3, 100}) {
    Engine engine(
        std::make_shared<FewMultiprocessors>(emulator::makeEmulatedDevice({.target = "sm_90a"}), multiprocessors));
    const Plan plan = engine.prepare(spec, {.batch = 2, .q_len = 200, .kv_len = 200}, {.schedule = persistent(4, 64)});
    const Dim3 grid = plan.kernels().front().grid;
    EXPECT_EQ(grid.x, std::min(multiprocessors, 4 * 4 * 2)) << "4 tiles of rows, 4 heads, 2 sequences";
    EXPECT_EQ(grid.y * grid.z, 1U);
  }
}

/// The pieces that each of `blocks` gets, in order.
struct Piece {
  int tile, head;
  auto operator<=>(const Piece&) const = default;
};
std::vector<std::vector<Piece>> deal(int tiles, int heads, int section, unsigned blocks) {
  const std::string text = R"(
#include <attune/sm90.cuh>
using namespace attune;
extern "C" __global__ void deal(int* out, const int tiles, const int heads, const int section, const int most) {
  const Pieces pieces{tiles, heads, section};
  int* mine = out + blockIdx.x * (2 * most + 1);
  int round = 0;
  for (; pieces.has(round); ++round) {
    mine[1 + 2 * round] = pieces.tile(round);
    mine[2 + 2 * round] = pieces.head(round);
  }
  mine[0] = round;
}
)";
  static const Image image = Toolchain::shared()->build(text, "sm_90a", Image::Kind::Ptx, "deal").image;
  const auto device = emulator::makeEmulatedDevice({.target = "sm_90a"});
  int most = (tiles * heads + static_cast<int>(blocks) - 1) / static_cast<int>(blocks);
  std::vector<int> out(blocks * static_cast<std::size_t>(2 * most + 1));
  DevicePtr on_device = device->allocate(out.size() * sizeof(int), "out");
  void* arguments[] = {&on_device, &tiles, &heads, &section, &most};
  device->launch(*device->load(image, "deal"), {.grid = {blocks, 1, 1}}, arguments);
  device->copyToHost(std::as_writable_bytes(std::span(out)), on_device);
  std::vector<std::vector<Piece>> dealt(blocks);
  for (std::size_t block = 0; block < blocks; ++block) {
    const int* mine = &out[block * static_cast<std::size_t>(2 * most + 1)];
    for (int round = 0; round < mine[0]; ++round)
      dealt[block].push_back({mine[1 + 2 * round], mine[2 + 2 * round]});
  }
  return dealt;
}

TEST(Pieces, EachIsDealtOnce) {
  for (const auto& [tiles, heads, section, blocks] :
       {std::tuple{5, 7, 7, 4U}, {1, 1, 1, 1U}, {3, 8, 8, 24U}, {4, 6, 1, 7U}, {9, 10, 5, 11U}, {2, 5, 1, 9U}}) {
    std::set<Piece> seen;
    std::size_t most = 0, least = 1000;
    for (const auto& block : deal(tiles, heads, section, blocks)) {
      most = std::max(most, block.size()), least = std::min(least, block.size());
      for (const Piece& piece : block) {
        EXPECT_TRUE(piece.tile >= 0 && piece.tile < tiles && piece.head >= 0 && piece.head < heads);
        EXPECT_TRUE(seen.insert(piece).second) << piece.tile << " of head " << piece.head << " twice";
      }
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(tiles * heads));
    EXPECT_LE(most - least, 1U);
  }
}

/// Causal: tile i of the rows visits i + 1 tiles of keys. The block with most of them decides how long all take.
TEST(Pieces, AreDealtEvenly) {
  for (const auto& [tiles, heads, section] : {std::tuple{4, 512, 64},
                                              {16, 128, 16},
                                              {32, 64, 8},
                                              {64, 64, 32},
                                              {32, 28, 28},
                                              {128, 28, 14},
                                              {32, 40, 10},
                                              {128, 16, 2}}) {
    int most = 0;
    for (const auto& block : deal(tiles, heads, section, 132))
      most = std::max(most, std::accumulate(block.begin(), block.end(), 0,
                                            [](int sum, const Piece& piece) { return sum + piece.tile + 1; }));
    const double mean = heads * tiles * (tiles + 1) / 2.0 / 132;
    EXPECT_LE(most, mean * 1.04) << tiles << " tiles of " << heads << " heads, " << section << " to a section";
  }
}

} // namespace
} // namespace attune::test
