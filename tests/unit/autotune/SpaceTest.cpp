#include "runtime/schedules/Space.h"

#include "runtime/model/Resources.h"

#include "attune/compiler/Compile.h"
#include "attune/compiler/DefaultSchedule.h"
#include "runtime/toolchain/Toolchain.h"
#include "tests/support/Refusal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace attune::schedules {
namespace {

AttentionSpec gqa(int head_dim) {
  return {.q_heads = 28, .kv_heads = 4, .head_dim = head_dim, .head_dim_v = head_dim, .causal = Causal::BottomRight};
}
const Problem prefill{.batch = 1, .q_len = 4096, .kv_len = 4096, .q_total = 4096};
const Problem decode{.batch = 1, .q_len = 1, .kv_len = 8192, .q_total = 1};

std::string brokenRule(const AttentionSpec& spec, const Problem& problem, const char* schedule,
                       const char* arch = "sm_90a") {
  const auto broken = rejection({spec, target(arch), problem}, scheduleFromText(schedule));
  return broken ? broken->rule->name + std::string(": ") + broken->numbers : "";
}

TEST(Space, EachRuleNamesItselfAndItsNumbers) {
  const AttentionSpec spec = gqa(128);
  AttentionSpec mha = spec;
  mha.kv_heads = mha.q_heads;
  EXPECT_EQ(brokenRule(spec, prefill, "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=0"), "");
  EXPECT_EQ(brokenRule(spec, prefill, "q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=0 split_kv=0", "sm_89"),
            "shared-memory: 160 KiB of 99 KiB");
  EXPECT_EQ(brokenRule(spec, prefill, "q_tile=128 kv_tile=128 warps=4 stages=1 pack_gqa=0 split_kv=0"),
            "registers: at least 344 of 255");
  EXPECT_EQ(brokenRule(mha, decode, "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=1 split_kv=1"),
            "pack-needs-group: 28 q heads on 28 kv heads");
  EXPECT_EQ(brokenRule(spec, prefill, "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=1 split_kv=0"),
            "many-queries: 4096 queries fill tiles on their own");
  EXPECT_EQ(brokenRule(spec, decode, "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=1"),
            "few-queries: 1 queries, and 7 heads read the same keys");
  EXPECT_EQ(brokenRule(spec, decode, "q_tile=128 kv_tile=64 warps=4 stages=1 pack_gqa=1 split_kv=1"),
            "registers: at least 264 of 255");
  EXPECT_EQ(brokenRule(spec, decode, "q_tile=128 kv_tile=64 warps=8 stages=1 pack_gqa=1 split_kv=1"),
            "idle-rows: 7 rows in a tile of 128");
  EXPECT_EQ(brokenRule(spec, prefill,
                       "q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1", "sm_90"),
            "needs-wgmma: sm_90 has neither");
  // what the text form refuses by itself
  const Schedule two_warps{.q_tile = 32, .kv_tile = 64, .warps = 2, .warp_specialized = true};
  EXPECT_STREQ(rejection({spec, target("sm_90a"), prefill}, two_warps)->rule->name, "warpgroups");
  const Schedule alone{
      .q_tile = 64, .kv_tile = 64, .warps = 4, .warp_specialized = true, .overlap = true, .ping_pong = true};
  EXPECT_STREQ(rejection({spec, target("sm_90a"), prefill}, alone)->rule->name, "turns");
  Schedule clusters{.q_tile = 64, .kv_tile = 64, .warps = 4, .stages = 2, .cluster = 2};
  EXPECT_EQ(rejection({spec, target("sm_90a"), prefill}, clusters)->numbers, "2 blocks without roles");
  clusters.warp_specialized = true, clusters.persistent = true;
  EXPECT_EQ(rejection({spec, target("sm_90a"), prefill}, clusters)->numbers, "2 blocks in a persistent grid");
  EXPECT_EQ(brokenRule(spec, {.batch = 1, .q_len = 60, .kv_len = 4096, .q_total = 60},
                       "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 cluster=2"),
            "idle-blocks: 60 rows in tiles of 64");
  EXPECT_EQ(brokenRule(spec, prefill,
                       "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 "
                       "cluster=2"),
            "");
  const Schedule stays{.q_tile = 64, .kv_tile = 64, .warps = 4, .stages = 2, .persistent = true};
  EXPECT_EQ(rejection({spec, target("sm_90a"), prefill}, stays)->numbers, "without roles");
  Schedule chunks = stays;
  chunks.warp_specialized = true, chunks.split_kv = true;
  EXPECT_EQ(rejection({spec, target("sm_90a"), prefill}, chunks)->numbers, "with split_kv");
  const Schedule no_ring{.q_tile = 64, .kv_tile = 64, .warps = 4, .stages = 1, .warp_specialized = true};
  EXPECT_STREQ(rejection({spec, target("sm_90a"), prefill}, no_ring)->rule->name, "rings");
  EXPECT_EQ(brokenRule(spec, prefill, "q_tile=64 kv_tile=32 warps=4 stages=5 pack_gqa=0 split_kv=0"),
            "deep-ring: 5 stages");
  const Problem few{.batch = 1, .q_len = 1, .kv_len = 40, .q_total = 1};
  EXPECT_EQ(brokenRule(spec, few, "q_tile=64 kv_tile=64 warps=4 stages=1 pack_gqa=1 split_kv=0"),
            "idle-keys: 40 keys in a tile of 64");
  EXPECT_EQ(brokenRule(spec, few, "q_tile=64 kv_tile=32 warps=4 stages=3 pack_gqa=1 split_kv=0"),
            "idle-stages: 3 stages for 2 key tiles");
  EXPECT_EQ(brokenRule(spec, few, "q_tile=64 kv_tile=48 warps=4 stages=1 pack_gqa=1 split_kv=1"),
            "nothing-to-split: one key tile");
  AttentionSpec invariant = spec;
  invariant.batch_invariant = true;
  EXPECT_EQ(brokenRule(invariant, decode, "q_tile=64 kv_tile=32 warps=4 stages=1 pack_gqa=1 split_kv=1"),
            "batch-invariant: it is " + attune::toText(defaultSchedule(invariant, target("sm_90a"), 1, true)));
  std::set<std::string> names;
  for (const Rule& rule : rules())
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
}

TEST(Space, EveryCombinationIsFeasibleOrHasARule) {
  const AttentionSpec spec = gqa(128);
  const Space space = enumerate({spec, target("sm_90a"), decode});
  std::size_t combinations = 1;
  for (const Axis& axis : axes())
    combinations *= axis.values.size();
  EXPECT_EQ(space.feasible.size() + space.rejected.size(), combinations);
  std::set<std::string> texts;
  for (const Schedule& s : space.feasible)
    EXPECT_TRUE(texts.insert(attune::toText(s)).second);
  for (const std::string& text : texts) // records hold them
    EXPECT_EQ(attune::toText(scheduleFromText(text)), text);
  EXPECT_GT(space.feasible.size(), 20u);
}

// The tuner must be able to answer "the default was best".
TEST(Space, HoldsTheDefaultSchedules) {
  for (const char* arch : {"sm_80", "sm_89", "sm_90a"})
    for (const int head_dim : {64, 96, 128, 192, 256})
      for (const Problem& problem : {prefill, decode})
        for (const bool split : {false, true}) {
          const AttentionSpec spec = gqa(head_dim);
          const Schedule schedule = defaultSchedule(spec, target(arch), problem.q_len, split);
          const auto broken = rejection({spec, target(arch), problem}, schedule);
          const auto feasible = enumerate({spec, target(arch), problem}).feasible;
          const auto same = [&](const Schedule& s) { return attune::toText(s) == attune::toText(schedule); };
          EXPECT_TRUE(std::ranges::any_of(feasible, same)) << arch << " " << attune::toText(schedule);
          EXPECT_FALSE(broken) << arch << " " << head_dim << " " << attune::toText(schedule) << " "
                               << broken->rule->name << " " << broken->numbers;
        }
}

TEST(Space, BatchInvariantLeavesOneSchedule) {
  AttentionSpec spec = gqa(128);
  spec.batch_invariant = true;
  for (const Problem& problem : {prefill, decode})
    EXPECT_FALSE(rejection({spec, target("sm_90a"), problem}, defaultSchedule(spec, target("sm_90a"), 1, true), false));
  EXPECT_EQ(enumerate({spec, target("sm_90a"), decode}).feasible.size(), 1u);
}

TEST(Space, SharedBytesAreThoseOfTheCompiledKernel) {
  const AttentionSpec spec = gqa(96);
  for (const char* text : {"q_tile=64 kv_tile=48 warps=2 stages=3 pack_gqa=1 split_kv=1",
                           "q_tile=128 kv_tile=80 warps=8 stages=2 pack_gqa=0 split_kv=0"}) {
    const Schedule schedule = scheduleFromText(text);
    const CompileResult result = compile(spec, schedule, target("sm_90a"));
    EXPECT_EQ(resourcesOf(spec, schedule, target("sm_90a")).shared_bytes, result.kernels[0].manifest.shared_bytes);
  }
}

// The floor must not reject what ptxas can do, and the fit says how many blocks run side by side.
TEST(Space, RegistersAgainstPtxas) {
  for (const auto& [head_dim, text] : {std::pair{64, "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=0"},
                                       {64, "q_tile=128 kv_tile=32 warps=4 stages=1 pack_gqa=0 split_kv=0"},
                                       {128, "q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=0 split_kv=0"}}) {
    const AttentionSpec spec = gqa(head_dim);
    const Schedule schedule = scheduleFromText(text);
    const CompileResult result = compile(spec, schedule, target("sm_80"));
    const Build build = Toolchain::shared()->build(result.kernels[0].cuda, "sm_80", Image::Kind::Cubin);
    const int registers = build.log.resources->registers;
    const Resources resources = resourcesOf(spec, schedule, target("sm_80"));
    EXPECT_LE(resources.register_floor, registers) << text;
    EXPECT_NEAR(resources.registers, registers, registers / 5) << text;
  }
}

TEST(Space, CandidatesReadBack) {
  const Candidate candidate{{.q_tile = 64, .kv_tile = 96, .stages = 3, .split_kv = true}, 17};
  const std::string text = toText(candidate);
  EXPECT_EQ(text, "q_tile=64 kv_tile=96 warps=4 stages=3 pack_gqa=0 split_kv=1 splits=17");
  EXPECT_EQ(toText(candidateFromText(text)), text);
  for (const char* bad : {"", "splits=4", "q_tile=64 kv_tile=96 warps=4 stages=3 pack_gqa=0 split_kv=1",
                          "q_tile=64 kv_tile=96 warps=4 stages=3 pack_gqa=0 split_kv=1 splits=0",
                          "q_tile=64 kv_tile=96 warps=4 stages=3 pack_gqa=0 split_kv=1 splits=99999999999999",
                          "q_tile=64 kv_tile=96 warps=4 stages=3 pack_gqa=0 split_kv=1 splits=4 "})
    EXPECT_THROW(candidateFromText(bad), UserError) << bad;
}

TEST(Space, SplitCountsLeaveNoChunkEmpty) {
  const AttentionSpec spec = gqa(128);
  const Schedule schedule{.q_tile = 64, .kv_tile = 64, .pack_gqa = true, .split_kv = true};
  const Problem problem{.batch = 1, .q_len = 1, .kv_len = 64 * 10, .q_total = 1};
  EXPECT_EQ(splitCounts(spec, problem, schedule), (std::vector<int>{1, 2, 3, 4, 5, 10}));
  EXPECT_EQ(splitCounts(spec, problem, {.split_kv = false}), std::vector<int>{1});
}

} // namespace
} // namespace attune::schedules
