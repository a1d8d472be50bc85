// The ladder of kernels in kernels/: each adds one idea to the one before, and all are reviewed like code.
// ATTUNE_REFRESH_GOLDEN=1 rewrites them. tests/nvrtc compiles them.
#include "attune/compiler/Compile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace attune {
namespace {

struct Rung {
  const char* name;
  AttentionSpec spec;
  Schedule schedule;
  const char* arch = "sm_80";
};

AttentionSpec llama() {
  return {.dtype = DType::BF16, .q_heads = 28, .kv_heads = 4, .head_dim = 128, .causal = Causal::BottomRight};
}

template <class Change>
AttentionSpec with(Change change) {
  AttentionSpec spec = llama();
  change(spec);
  return spec;
}

const std::vector<Rung>& ladder() {
  static const Schedule prefill{.q_tile = 128, .kv_tile = 64, .warps = 8, .stages = 1};
  static const Schedule ring{.q_tile = 128, .kv_tile = 64, .warps = 8, .stages = 2};
  static const Schedule small{.q_tile = 64, .kv_tile = 64, .warps = 4, .stages = 1};
  static const Schedule packed{.q_tile = 64, .kv_tile = 64, .warps = 4, .stages = 1, .pack_gqa = true};
  static const Schedule split{.q_tile = 16, .kv_tile = 64, .warps = 1, .stages = 2, .pack_gqa = true, .split_kv = true};
  static const Schedule roles{.q_tile = 128, .kv_tile = 128, .warps = 8, .stages = 2, .warp_specialized = true};
  static const Schedule overlap = [] {
    Schedule s = roles;
    s.overlap = true;
    return s;
  }();
  static const Schedule ping_pong = [] {
    Schedule s = overlap;
    s.ping_pong = true;
    return s;
  }();
  static const Schedule persistent = [] {
    Schedule s = ping_pong;
    s.persistent = true;
    return s;
  }();
  static const Schedule clusters = [] {
    Schedule s = ping_pong;
    s.cluster = 2;
    return s;
  }();
  static const Schedule hopper_split{.q_tile = 64,
                                     .kv_tile = 64,
                                     .warps = 4,
                                     .stages = 6,
                                     .pack_gqa = true,
                                     .split_kv = true,
                                     .warp_specialized = true,
                                     .overlap = true};
  static const std::vector<Rung> rungs{
      {"01_dense", with([](auto& s) { s.causal = Causal::None; }), prefill},
      {"02_causal", llama(), prefill},
      {"03_sliding_window", with([](auto& s) { s.window.left = 1023; }), prefill},
      {"04_ring", llama(), ring},
      {"05_packed_gqa", llama(), packed},
      {"06_split_decode", llama(), split},
      {"07_varlen", with([](auto& s) { s.varlen = true; }), prefill},
      {"08_softcap_alibi_sink", with([](auto& s) {
         s.softcap = 50;
         s.alibi = Alibi::PerHead;
         s.sink = true;
       }),
       prefill},
      {"09_prefix", with([](auto& s) { s.prefix = 256; }), prefill},
      {"10_head_dims", with([](auto& s) {
         s.head_dim = 72;
         s.head_dim_v = 40;
         s.lse = false;
       }),
       small},
      {"11_prefix_and_window", with([](auto& s) {
         s.prefix = 256;
         s.window.left = 1023;
       }),
       prefill},
      {"12_roles", with([](auto& s) { s.causal = Causal::None; }), roles, "sm_90a"},
      {"13_overlap", llama(), overlap, "sm_90a"},
      {"14_ping_pong", llama(), ping_pong, "sm_90a"},
      {"15_hopper_window", with([](auto& s) { s.window.left = 1023; }), ping_pong, "sm_90a"},
      {"16_hopper_decode", llama(), hopper_split, "sm_90a"},
      {"17_persistent", llama(), persistent, "sm_90a"},
      {"18_hopper_fp8", with([](auto& s) { s.dtype = DType::E4M3; }), ping_pong, "sm_90a"},
      {"19_clusters", llama(), clusters, "sm_90a"},
  };
  return rungs;
}

std::string emit(const Rung& rung) {
  std::string text;
  for (const KernelSource& kernel : compile(rung.spec, rung.schedule, target(rung.arch)).kernels)
    text += (text.empty() ? "" : "\n") + kernel.cuda;
  return text;
}

class Golden : public testing::TestWithParam<std::size_t> {};

TEST_P(Golden, IsWhatTheCompilerEmits) {
  const Rung& rung = ladder()[GetParam()];
  const std::string path = std::string(ATTUNE_GOLDEN_FOLDER "/") + rung.name + ".cu";
  const std::string emitted = emit(rung);
  if (std::getenv("ATTUNE_REFRESH_GOLDEN"))
    std::ofstream(path) << emitted;
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " is missing: run with ATTUNE_REFRESH_GOLDEN=1 and review it";
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(emitted, expected.str()) << "if the change is meant, run with ATTUNE_REFRESH_GOLDEN=1 and review " << path;
}

std::string nameOf(const testing::TestParamInfo<std::size_t>& info) { return ladder()[info.param].name; }

INSTANTIATE_TEST_SUITE_P(Ladder, Golden, testing::Range<std::size_t>(0, ladder().size()), nameOf);

} // namespace
} // namespace attune
