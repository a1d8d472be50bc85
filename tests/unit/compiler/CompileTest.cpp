#include "attune/compiler/Compile.h"
#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/Error.h"

#include "tests/support/Refusal.h"
#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include <thread>

namespace attune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

AttentionSpec causal() { return {.q_heads = 28, .kv_heads = 4, .head_dim = 128, .causal = Causal::BottomRight}; }
constexpr Schedule prefill{.q_tile = 128, .kv_tile = 64, .warps = 8, .stages = 1};

std::vector<std::string> names(const Manifest& manifest) {
  std::vector<std::string> result;
  for (const Parameter& parameter : manifest.parameters)
    result.push_back(parameter.name);
  return result;
}

TEST(Compile, ManifestListsParametersInTheKernelsOrder) {
  const CompileResult result = compile(causal(), prefill, target("sm_80"));
  ASSERT_EQ(result.kernels.size(), 1u);
  const Manifest& manifest = result.kernels[0].manifest;
  EXPECT_EQ(manifest.name, "attention_forward");
  EXPECT_THAT(names(manifest), ElementsAre("q", "k", "v", "o", "lse", "sq", "sk", "scale"));
  EXPECT_EQ(manifest.parameters[0].kind, Parameter::Kind::Tensor);
  EXPECT_EQ(manifest.parameters[5].kind, Parameter::Kind::I32);
  EXPECT_EQ(manifest.parameters[7].kind, Parameter::Kind::F32);
  EXPECT_THAT(manifest.grid[0], ElementsAre(GridTerm::QTiles));
  EXPECT_THAT(manifest.grid[1], ElementsAre(GridTerm::QHeads));
  EXPECT_THAT(manifest.grid[2], ElementsAre(GridTerm::Batch));
  EXPECT_EQ(manifest.threads, 256);
  EXPECT_EQ(manifest.shared_bytes, (128 + 64 + 64) * 128 * 2); // Q, and K and V; O takes Q's place
  // the kernel has exactly these, in this order
  std::size_t at = 0;
  for (const std::string& name : names(manifest)) {
    at = result.kernels[0].cuda.find(" " + name + (name == "scale" ? ")" : ","), at);
    EXPECT_NE(at, std::string::npos) << name;
  }
}

TEST(Compile, OptionalInputsAreParametersOnlyIfTheSpecHasThem) {
  AttentionSpec spec = causal();
  spec.lse = false;
  spec.varlen = true;
  spec.alibi = Alibi::PerHead;
  spec.sink = true;
  EXPECT_THAT(names(compile(spec, prefill, target("sm_80")).kernels[0].manifest),
              ElementsAre("q", "k", "v", "o", "alibi_slopes", "sink", "cu_seqlens_q", "cu_seqlens_k", "scale"));
}

TEST(Compile, ASplitIsAPartialAndACombineKernel) {
  AttentionSpec spec = causal();
  spec.sink = true;
  const CompileResult result =
      compile(spec, {.q_tile = 16, .kv_tile = 64, .warps = 1, .stages = 2, .pack_gqa = true, .split_kv = true},
              target("sm_90"));
  ASSERT_EQ(result.kernels.size(), 2u);
  const Manifest &partial = result.kernels[0].manifest, &combine = result.kernels[1].manifest;
  EXPECT_EQ(partial.name, "attention_partial");
  EXPECT_THAT(names(partial),
              ElementsAre("q", "k", "v", "o_partial", "lse_partial", "sq", "sk", "scale", "splits", "split_tiles"));
  EXPECT_THAT(partial.grid[0], ElementsAre(GridTerm::QTiles, GridTerm::Splits));
  EXPECT_THAT(partial.grid[1], ElementsAre(GridTerm::KvHeads));
  EXPECT_EQ(combine.name, "attention_combine");
  EXPECT_THAT(names(combine), ElementsAre("o_partial", "lse_partial", "o", "lse", "sink", "sq", "splits"));
  EXPECT_EQ(combine.shared_bytes, 0);
}

TEST(Compile, FullTilesCarryNoPredicate) {
  const std::string cuda = compile(causal(), prefill, target("sm_80")).kernels[0].cuda;
  const std::size_t at = cuda.find("// tiles where every pair is visible");
  const std::string full = cuda.substr(at, cuda.find("\n  }\n", at) - at);
  EXPECT_THAT(full, testing::Not(HasSubstr("visible)")));
  EXPECT_THAT(full, testing::Not(HasSubstr("masked")));
  EXPECT_THAT(full, testing::Not(HasSubstr("* 64, sk)")));
}

TEST(Compile, StagesAreDumpedPassByPass) {
  const CompileResult result = compile(causal(), prefill, target("sm_80"), {.dump_stages = true});
  std::vector<std::string> stages;
  for (const Stage& stage : result.stages)
    stages.push_back(stage.name);
  EXPECT_THAT(stages, ElementsAre("frontend", "attn-build-kernel", "attn-classify-blocks", "attn-split-kv",
                                  "attn-plan-pipeline", "convert-attn-to-tile", "tile-materialize-pipeline",
                                  "tile-transpose-values", "tile-specialize-warps", "tile-prettify", "tile-persist",
                                  "tile-allocate-shared", "emit-cuda"));
  EXPECT_EQ(result.stages.back().text, result.kernels[0].cuda);
}

TEST(Compile, FewerStagesWhereTheyDoNotFitAndARemark) {
  Schedule schedule = prefill;
  schedule.stages = 4;
  const CompileResult result = compile(causal(), schedule, target("sm_86"));
  EXPECT_LE(result.kernels[0].manifest.shared_bytes, target("sm_86").shared_per_block);
  EXPECT_THAT(result.remarks, testing::Contains(HasSubstr("stages 4 -> 2: 160.0 KiB > 99.0 KiB")));
  EXPECT_EQ(result.kernels[0].manifest.stages, 2);
}

TEST(Compile, TheManifestSaysTheStagesOfTheKernel) {
  for (const char* arch : {"sm_80", "sm_90a"})
    for (const std::int64_t q_len : {1, 4096})
      for (const bool split : {false, true}) {
        const Schedule schedule = defaultSchedule(causal(), target(arch), q_len, split);
        EXPECT_EQ(compile(causal(), schedule, target(arch)).kernels[0].manifest.stages, schedule.stages)
            << toText(schedule);
      }
  EXPECT_EQ(compile(causal(), prefill, target("sm_80")).kernels[0].manifest.stages, 1);
}

TEST(Compile, TilesThatNeverFitAreTheUsersErrorWithNumbers) {
  AttentionSpec spec = causal();
  spec.head_dim = 256;
  try {
    compile(spec, {.q_tile = 128, .kv_tile = 128, .warps = 8, .stages = 1}, target("sm_86"));
    FAIL() << "it fits";
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind, UserError::Kind::Unsupported);
    EXPECT_THAT(error.what(), HasSubstr("196608 bytes"));
    EXPECT_THAT(error.what(), HasSubstr("sm_86 has 101376"));
  }
}

TEST(Compile, TilesThatNoThreadHasRegistersForAreRefused) {
  try {
    compile(causal(), {.q_tile = 512, .kv_tile = 64, .warps = 4, .stages = 1}, target("sm_90"));
    FAIL() << "it compiled";
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind, UserError::Kind::Unsupported);
    EXPECT_THAT(error.what(), HasSubstr("896 registers"));
  }
}

TEST(Compile, ConsumersHaveTheRegistersOfTheirWarpgroups) {
  AttentionSpec spec = causal();
  spec.head_dim = 64;
  Schedule schedule{.q_tile = 192, .kv_tile = 144, .warps = 12, .stages = 2};
  schedule.warp_specialized = schedule.overlap = true;
  EXPECT_EQ(
      refusal([&] { compile(spec, schedule, target("sm_90a")); }),
      "unsupported: q_tile 192, kv_tile 144 and 12 warps with head dim 64: a consumer's thread needs 168 registers, "
      "and has 160; use a smaller kv_tile, or fewer warps");
  schedule.kv_tile = 128;
  EXPECT_EQ(refusal([&] { compile(spec, schedule, target("sm_90a")); }), "");
}

TEST(Compile, RolesNeedWarpgroupProducts) {
  const Schedule roles{.q_tile = 128, .kv_tile = 64, .warps = 8, .stages = 2, .warp_specialized = true};
  try {
    compile(causal(), roles, target("sm_80"));
    FAIL() << "compiled for a target without wgmma";
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind, UserError::Kind::Unsupported);
    EXPECT_THAT(error.what(), HasSubstr("roles need sm_90a"));
  }
  EXPECT_EQ(compile(causal(), roles, target("sm_90a")).kernels.size(), 1u);
}

TEST(Compile, AMaskThatHidesEveryPairVisitsNoTile) {
  AttentionSpec spec = causal();
  spec.causal = Causal::None;
  spec.mask = {"k < 0"};
  const std::string cuda = compile(spec, prefill, target("sm_80")).kernels[0].cuda;
  EXPECT_THAT(cuda, testing::Not(HasSubstr("for (")));
  EXPECT_THAT(cuda, HasSubstr("softmax::normalize"));
}

TEST(Compile, ThreadsDoNotShareAnything) {
  const std::string expected = compile(causal(), prefill, target("sm_80")).kernels[0].cuda;
  std::vector<std::string> texts(8);
  {
    std::vector<std::jthread> threads;
    for (std::string& text : texts)
      threads.emplace_back([&text] { text = compile(causal(), prefill, target("sm_80")).kernels[0].cuda; });
  }
  for (const std::string& text : texts)
    EXPECT_EQ(text, expected);
}

} // namespace
} // namespace attune
