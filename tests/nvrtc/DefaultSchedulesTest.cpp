// Every default schedule compiles for every target, and spills nothing. Compile only: no device.
#include "attune/compiler/Compile.h"
#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/SpecJson.h"
#include "runtime/toolchain/Toolchain.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

namespace attune {
namespace {

bool full() { return std::getenv("ATTUNE_FULL") != nullptr; }

AttentionSpec causal(int head_dim, int head_dim_v) {
  AttentionSpec s;
  s.q_heads = 8;
  s.kv_heads = 2;
  s.head_dim = head_dim;
  s.head_dim_v = head_dim_v;
  s.causal = Causal::BottomRight;
  return s;
}

void expectNoSpill(const AttentionSpec& spec, std::string_view arch, const Schedule& schedule) {
  const Target& where = target(arch);
  SCOPED_TRACE(std::string(arch) + " " + toText(schedule) + " " + specToJson(spec));
  ASSERT_LE(sharedBytes(spec, schedule), where.shared_per_block);
  const std::vector<KernelSource> kernels = compile(spec, schedule, where).kernels;
  for (const KernelSource& kernel : kernels) {
    EXPECT_LE(kernel.manifest.shared_bytes, where.shared_per_block);
    const Build build = Toolchain::shared()->build(kernel.cuda, arch, Image::Kind::Cubin, kernel.manifest.name);
    ASSERT_TRUE(build.log.resources) << build.log.text;
    EXPECT_EQ(build.log.resources->spill_bytes, 0)
        << kernel.manifest.name << " with " << build.log.resources->registers << " registers";
    EXPECT_EQ(build.log.resources->local_bytes, 0) << kernel.manifest.name;
    EXPECT_TRUE(build.log.warnings.empty()) << build.log.warnings.front();
    const int warpgroups = schedule.warps / 4;
    if (&kernel != &kernels.front() || !schedule.warp_specialized || warpgroups == 1)
      continue; // a combine kernel, or one in which no warpgroup takes registers from another
    // Consumers that ask for more than the block was launched with, less what the producer keeps, wait forever.
    const auto [producer, consumers] = roleRegisters(warpgroups, schedule.persistent, spec.dtype == DType::E4M3);
    EXPECT_LE(producer + warpgroups * consumers, (1 + warpgroups) * build.log.resources->registers)
        << kernel.manifest.name;
  }
}

void expectNoSpill(const AttentionSpec& spec, std::string_view arch, std::int64_t q_len, bool split) {
  expectNoSpill(spec, arch, defaultSchedule(spec, target(arch), q_len, split));
}

/// The defaults for few queries and many, packed and not, whole and split, each once.
void expectNoSpillForAnyLength(const AttentionSpec& spec, std::string_view arch) {
  std::set<std::string> seen;
  for (const std::int64_t q_len : {1, 8, 32, 64, 1024})
    for (const bool split : {false, true}) {
      const Schedule schedule = defaultSchedule(spec, target(arch), q_len, split);
      if (seen.insert(toText(schedule)).second)
        expectNoSpill(spec, arch, schedule);
    }
}

class DefaultSchedules : public testing::TestWithParam<int> {};

TEST_P(DefaultSchedules, SpillNothing) {
  const int head_dim = GetParam();
  const std::vector<std::string> archs =
      full() ? std::vector<std::string>{"sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"}
             : std::vector<std::string>{head_dim % 16 ? "sm_80" : "sm_90"};
  for (const std::string& arch : archs) {
    expectNoSpill(causal(head_dim, head_dim), arch, 1024, false);
    if (full() || head_dim % 64 == 0)
      expectNoSpill(causal(head_dim, head_dim), arch, 1, true);
    if (full() || head_dim == 248) // 8 or 32 queries of a group of 4, packed: 32 rows, or 128
      for (const std::int64_t q_len : {8, 32})
        expectNoSpill(causal(head_dim, head_dim), arch, q_len, true);
    if (full() || head_dim == 256)
      expectNoSpill(causal(head_dim, head_dim), arch, 1024, true);
    if (full() || head_dim == 192)
      expectNoSpill(causal(head_dim, 128), arch, 1024, false);
  }
}

std::vector<int> headDims() {
  std::vector<int> dims;
  for (int d = 8; d <= 256; d += 8)
    if (full() || d % 64 == 0 || d == 8 || d == 40 || d == 96 || d == 168 || d == 224 || d == 248)
      dims.push_back(d);
  return dims;
}
INSTANTIATE_TEST_SUITE_P(HeadDim, DefaultSchedules, testing::ValuesIn(headDims()));

/// sm_90a from head dim 64 on: roles, wgmma and TMA. ptxas' remarks on wgmma (C75xx) are among the warnings.
class WarpSpecialized : public testing::TestWithParam<int> {};

TEST_P(WarpSpecialized, SpillsNothing) {
  const int head_dim = GetParam();
  ASSERT_TRUE(defaultSchedule(causal(head_dim, head_dim), target("sm_90a"), 1024, false).warp_specialized);
  if (full() || head_dim % 128 == 0) {
    expectNoSpillForAnyLength(causal(head_dim, head_dim), "sm_90a");
  } else {
    expectNoSpill(causal(head_dim, head_dim), "sm_90a", 1024, false);
    if (head_dim % 64 == 0)
      expectNoSpill(causal(head_dim, head_dim), "sm_90a", 1, true);
  }
  if (full() && head_dim != 128)
    expectNoSpillForAnyLength(causal(head_dim, 128), "sm_90a");
  else if (head_dim == 192)
    expectNoSpill(causal(head_dim, 128), "sm_90a", 1024, false);
}

TEST_P(WarpSpecialized, SpillsNothingInClusters) {
  const int head_dim = GetParam();
  if (!full() && head_dim % 128 != 0)
    GTEST_SKIP() << "with ATTUNE_FULL";
  Schedule schedule = defaultSchedule(causal(head_dim, head_dim), target("sm_90a"), 1024, false);
  schedule.persistent = false, schedule.cluster = 2;
  expectNoSpill(causal(head_dim, head_dim), "sm_90a", schedule);
}

/// The most keys that the compiler takes: one more step is refused, for registers or for shared memory.
TEST(PinnedSchedules, SpillNothingAtTheEdgeOfWhatIsTaken) {
  struct Edge {
    int head_dim, warps;
    DType dtype = DType::BF16;
    Alibi alibi = Alibi::None;
  };
  const std::vector<Edge> few{{64, 12}, {96, 8}, {128, 8, DType::E4M3}, {64, 12, DType::BF16, Alibi::PerHead}};
  const std::vector<Edge> all{{64, 8},
                              {72, 12},
                              {80, 12},
                              {96, 12},
                              {128, 12},
                              {128, 8},
                              {64, 12, DType::E4M3},
                              {96, 8, DType::E4M3},
                              {128, 8, DType::BF16, Alibi::PerHead}};
  std::vector<Edge> edges = few;
  if (full())
    edges.insert(edges.end(), all.begin(), all.end());
  for (const auto& [head_dim, warps, dtype, alibi] : edges) {
    AttentionSpec spec = causal(head_dim, head_dim);
    spec.dtype = dtype;
    spec.alibi = alibi;
    const int step = dtype == DType::E4M3 ? 32 : 16;
    Schedule schedule{.q_tile = 16 * warps, .kv_tile = step, .warps = warps, .stages = 2};
    schedule.warp_specialized = schedule.overlap = schedule.ping_pong = true;
    for (Schedule more = schedule;; schedule = more) {
      more.kv_tile += step;
      const auto [needed, available] = consumerRegisters(spec, more);
      if (needed > available || sharedBytes(spec, more) > target("sm_90a").shared_per_block)
        break;
    }
    expectNoSpill(spec, "sm_90a", schedule);
  }
}

std::vector<int> wideHeadDims() {
  std::vector<int> dims;
  for (int d = 64; d <= 256; d += 8)
    if (full() || d % 64 == 0 || d == 72 || d == 96 || d == 168 || d == 248)
      dims.push_back(d);
  return dims;
}
INSTANTIATE_TEST_SUITE_P(HeadDim, WarpSpecialized, testing::ValuesIn(wideHeadDims()));

/// V goes through shared memory twice.
class Float8 : public testing::TestWithParam<int> {};

TEST_P(Float8, SpillsNothing) {
  AttentionSpec spec = causal(GetParam(), GetParam());
  spec.dtype = DType::E4M3;
  if (full() || GetParam() == 128) {
    expectNoSpillForAnyLength(spec, "sm_90a");
  } else {
    expectNoSpill(spec, "sm_90a", 1024, false);
    if (GetParam() == 256) // without O in shared memory there is room for more keys
      expectNoSpill(spec, "sm_90a", 1024, true);
  }
  spec.alibi = Alibi::PerHead;
  spec.softcap = 50;
  if (full())
    expectNoSpillForAnyLength(spec, "sm_90a");
  else if (GetParam() % 128 == 0)
    expectNoSpill(spec, "sm_90a", 1024, false);
}

std::vector<int> float8HeadDims() {
  std::vector<int> dims;
  for (int d = 16; d <= 256; d += 16)
    if (full() || d % 64 == 0 || d == 16 || d == 96 || d == 224)
      dims.push_back(d);
  return dims;
}
INSTANTIATE_TEST_SUITE_P(HeadDim, Float8, testing::ValuesIn(float8HeadDims()));

/// Each variation of the score, of the outputs and of the mask, on the head dims with the fewest registers to spare.
class Variants : public testing::TestWithParam<std::string> {
protected:
  static AttentionSpec spec(int head_dim) {
    return specFromJson(R"({"q_heads": 8, "kv_heads": 2, "head_dim": )" + std::to_string(head_dim) + ", " + GetParam() +
                        "}");
  }
};

TEST_P(Variants, SpillNothing) {
  for (const int head_dim : {64, 128, 192, 256})
    for (const std::string arch : {"sm_80", "sm_90", "sm_120"}) {
      if (full() || (head_dim == 256 && arch == "sm_80"))
        expectNoSpill(spec(head_dim), arch, 1024, false);
      if (full())
        expectNoSpill(spec(head_dim), arch, 1, true);
    }
}

TEST_P(Variants, SpillNothingWithRoles) {
  if (!full()) {
    for (const int head_dim : {64, 128})
      expectNoSpill(spec(head_dim), "sm_90a", 1024, false);
    for (const int head_dim : {128, 256})
      expectNoSpill(spec(head_dim), "sm_90a", 1, true);
    return;
  }
  for (const int head_dim : {64, 128, 192, 256}) {
    AttentionSpec variant = spec(head_dim);
    expectNoSpillForAnyLength(variant, "sm_90a");
    variant.dtype = DType::E4M3;
    expectNoSpillForAnyLength(variant, "sm_90a");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Spec, Variants,
    testing::Values(
        R"("dtype": "fp16")", R"("causal": true, "window": {"left": 100})", R"("causal": true, "softcap": 50)",
        R"("causal": true, "alibi": true)", R"("causal": true, "sink": true)", R"("causal": true, "varlen": true)",
        R"("causal": true, "chunk": 100)", R"("causal": true, "prefix": 100)", R"("head_dim_v": 64)",
        R"("mask": ["k <= q + sk - sq and k % 2 == 0"])",
        R"("causal": true, "window": {"left": 100}, "softcap": 30, "alibi": true, "sink": true, "varlen": true)"));

} // namespace
} // namespace attune
