#include "attune/compiler/DefaultSchedule.h"

#include "tests/support/Refusal.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(Schedule, TextRoundTrips) {
  EXPECT_EQ(toText({}), "q_tile=128 kv_tile=64 warps=4 stages=1 pack_gqa=0 split_kv=0");
  for (const Schedule& s : {Schedule{}, Schedule{16, 16, 1, 8, true, true}, Schedule{64, 128, 4, 2, false, true}})
    EXPECT_EQ(toText(scheduleFromText(toText(s))), toText(s));
  EXPECT_EQ(toText(scheduleFromText("  split_kv=1 pack_gqa=0 stages=2 warps=4 kv_tile=32 q_tile=64 ")),
            "q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=0 split_kv=1");
}

TEST(Schedule, Refusals) {
  const std::string rest = " kv_tile=64 warps=4 stages=1 pack_gqa=0 split_kv=0";
  const std::string all =
      "; write q_tile, kv_tile, warps, stages, pack_gqa, split_kv, such as \"q_tile=128 kv_tile=64 warps=8 stages=2 "
      "pack_gqa=0 split_kv=0\"; optional: warp_specialized, overlap, ping_pong, persistent, cluster, which are 0 "
      "(cluster 1) where not written; `attune compile` prints the default in full";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "invalid: schedule \"\": q_tile is missing" + all},
      {"q_tile=128", "invalid: schedule \"q_tile=128\": kv_tile is missing" + all},
      {"q_tiles=128" + rest, "invalid: schedule field 'q_tiles': a schedule has no such field; did you mean 'q_tile'?"},
      {"q_tile=12x" + rest, "invalid: schedule field 'q_tile=12x': it must be name=integer; write q_tile=64"},
      {"q_tile" + rest, "invalid: schedule field 'q_tile': it must be name=integer; write q_tile=64"},
      {"q_tile=99999999999" + rest,
       "invalid: schedule field 'q_tile=99999999999': it must be name=integer; write q_tile=64"},
      {"q_tile=128 q_tile=64" + rest, "invalid: schedule field 'q_tile': it appears twice; drop one of them"},
      {"q_tile=100" + rest,
       "invalid: q_tile=100: each warp owns a multiple of 16 rows, and a block at most 512; use a multiple of 64"},
      {"q_tile=0" + rest,
       "invalid: q_tile=0: each warp owns a multiple of 16 rows, and a block at most 512; use a multiple of 64"},
      {"q_tile=64 kv_tile=24 warps=4 stages=1 pack_gqa=0 split_kv=0",
       "invalid: kv_tile=24: it is a multiple of 16 up to 256; use 64"},
      {"q_tile=64 kv_tile=64 warps=0 stages=1 pack_gqa=0 split_kv=0",
       "invalid: warps=0: a block has 1 to 16 warps; use 4"},
      {"q_tile=64 kv_tile=64 warps=4 stages=9 pack_gqa=0 split_kv=0",
       "invalid: stages=9: a ring has 1 to 8 stages; use 2"},
      {"q_tile=64 kv_tile=64 warps=4 stages=1 pack_gqa=2 split_kv=0",
       "invalid: pack_gqa=2: it is 0 or 1; use 1 for yes"},
      {"q_tile=64 kv_tile=64 warps=4 stages=1 pack_gqa=0 split_kv=-1",
       "invalid: split_kv=-1: it is 0 or 1; use 1 for yes"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(refusal([&] { scheduleFromText(text); }), message);
}

TEST(Schedule, RolesRoundTripAndHaveRules) {
  const std::string hopper = "q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 ";
  const std::string all = "overlap=1 ping_pong=1 persistent=1";
  EXPECT_EQ(toText(scheduleFromText(hopper + all)), hopper + all);
  EXPECT_EQ(toText(scheduleFromText(hopper)), hopper + "overlap=0 ping_pong=0 persistent=0") << "roles alone";
  for (const char* cluster : {"", " cluster=2"}) { // said only where there are some
    const std::string text = toText(scheduleFromText(hopper + (*cluster ? cluster + 1 : "cluster=1")));
    EXPECT_EQ(text.substr(text.find(" persistent=0")), std::string(" persistent=0") + cluster);
  }
  const std::string portable = "q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=0 split_kv=0 ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {portable + "overlap=1", "invalid: overlap=1: it is about a kernel with roles; add warp_specialized=1"},
      {portable + "ping_pong=1", "invalid: ping_pong=1: it is about a kernel with roles; add warp_specialized=1"},
      {portable + "persistent=1", "invalid: persistent=1: it is about a kernel with roles; add warp_specialized=1"},
      {"q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=1 warp_specialized=1 persistent=1",
       "invalid: persistent=1: chunks are blocks of their own, and short; drop it, or split_kv=1"},
      {hopper + "overlap=2", "invalid: overlap=2: it is 0 or 1; use 1 for yes"},
      {hopper + "ping_pong=1",
       "invalid: ping_pong=1: two or three warpgroups whose products overlap take turns; use warps=8 overlap=1"},
      {hopper + "cluster=3", "invalid: cluster=3: one block alone, or two that share K and V; use 1 or 2"},
      {portable + "cluster=2", "invalid: cluster=2: it is about a kernel with roles; add warp_specialized=1"},
      {hopper + "persistent=1 cluster=2",
       "invalid: cluster=2: a persistent grid deals its pieces to single blocks; drop it, or persistent=1"},
      {"q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=1 split_kv=1 warp_specialized=1 cluster=2",
       "invalid: cluster=2: blocks that are neighbours in a split grid have other keys; drop it, or split_kv=1"},
      {"q_tile=128 kv_tile=64 warps=8 stages=1 pack_gqa=0 split_kv=0 warp_specialized=1",
       "invalid: stages=1: a producer runs ahead of those who compute, in rings of 2 stages or more; use 2"},
      {"q_tile=96 kv_tile=64 warps=6 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1",
       "invalid: warps=6: one to three warpgroups of four warps compute; use 4, 8 or 12"},
      {"q_tile=256 kv_tile=64 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1",
       "invalid: q_tile=256: each warp of a warpgroup owns 16 rows; use 128"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(refusal([&] { scheduleFromText(text); }), message);
}

AttentionSpec spec(int q_heads, int kv_heads, int head_dim, int head_dim_v) {
  AttentionSpec s;
  s.q_heads = q_heads;
  s.kv_heads = kv_heads;
  s.head_dim = head_dim;
  s.head_dim_v = head_dim_v;
  return s;
}

TEST(DefaultSchedule, FitsEveryTargetForEveryHeadDim) {
  for (const Target& t : targets())
    for (int d = 8; d <= 256; d += 8)
      for (int dv = 8; dv <= 256; dv += 8)
        for (const std::int64_t q_len : {1, 3, 16, 33, 4096})
          for (const int kv_heads : {1, 4, 28})
            for (const bool split : {false, true}) {
              const AttentionSpec attention = spec(28, kv_heads, d, dv);
              const Schedule s = defaultSchedule(attention, t, q_len, split);
              ASSERT_LE(sharedBytes(attention, s), t.shared_per_block)
                  << t.name << " " << d << " " << dv << " " << toText(s);
              ASSERT_EQ(toText(scheduleFromText(toText(s))), toText(s)) << "a default keeps the rules of the text form";
              ASSERT_EQ(s.split_kv, split);
            }
}

TEST(DefaultSchedule, PacksTheGroupForFewQueriesOnly) {
  const Target& t = target("sm_90");
  EXPECT_TRUE(defaultSchedule(spec(28, 4, 128, 128), t, 1, true).pack_gqa);
  EXPECT_EQ(defaultSchedule(spec(28, 4, 128, 128), t, 1, true).warps, 4)
      << "they share the copies of the keys of 7 rows";
  EXPECT_FALSE(defaultSchedule(spec(28, 4, 128, 128), t, 4096, false).pack_gqa);
  EXPECT_FALSE(defaultSchedule(spec(28, 28, 128, 128), t, 1, true).pack_gqa) << "nothing to pack without a group";
}

// 128 rows read each key tile, whatever the head dim, of as many keys as the target's shared memory has room for.
TEST(DefaultSchedule, ManyRowsShareKeyTiles) {
  for (const auto& [arch, head_dim, head_dim_v, kv_tile, stages] : {std::tuple{"sm_80", 136, 136, 64, 2},
                                                                    {"sm_80", 192, 192, 64, 2},
                                                                    {"sm_80", 192, 128, 64, 2},
                                                                    {"sm_80", 256, 256, 64, 1},
                                                                    {"sm_100", 256, 256, 64, 2},
                                                                    {"sm_86", 160, 160, 64, 1},
                                                                    {"sm_86", 192, 192, 64, 1},
                                                                    {"sm_86", 224, 224, 48, 1},
                                                                    {"sm_120", 256, 256, 32, 1}}) {
    const Schedule s = defaultSchedule(spec(16, 16, head_dim, head_dim_v), target(arch), 4096, false);
    EXPECT_EQ(toText(s), toText(Schedule{.q_tile = 128, .kv_tile = kv_tile, .warps = 8, .stages = stages}))
        << arch << " " << head_dim << " " << head_dim_v;
  }
}

TEST(DefaultSchedule, UnsetValueHeadDimMeansHeadDim) {
  const Target& t = target("sm_86");
  EXPECT_EQ(toText(defaultSchedule(spec(8, 8, 192, 0), t, 4096, false)),
            toText(defaultSchedule(spec(8, 8, 192, 192), t, 4096, false)));
  EXPECT_EQ(sharedBytes(spec(8, 8, 192, 0), {}), sharedBytes(spec(8, 8, 192, 192), {}));
}

TEST(Schedule, AStructObeysTheRulesOfItsText) { // which leaves out the fields of roles where there are none
  EXPECT_EQ(refusal([] { validate(Schedule{.overlap = true}); }),
            "invalid: overlap=1: it is about a kernel with roles; add warp_specialized=1");
  EXPECT_EQ(refusal([] { validate(Schedule{}); }), "");
}

} // namespace
} // namespace attune
