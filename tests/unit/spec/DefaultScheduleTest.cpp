// The defaults for Hopper, pinned: nothing else would notice two stages for decode, or a ping-pong that was lost.
#include "attune/compiler/DefaultSchedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace attune {
namespace {

const Target& hopper() { return target("sm_90a"); }

AttentionSpec causal(DType dtype, int head_dim, int head_dim_v) {
  AttentionSpec spec{.dtype = dtype, .q_heads = 8, .kv_heads = 2, .head_dim = head_dim, .head_dim_v = head_dim_v};
  spec.causal = Causal::BottomRight;
  return spec;
}

/// Prefill; prefill of 4096 queries at most; 32 queries; one query, whose keys are cut into chunks.
std::string defaults(AttentionSpec spec) {
  const auto line = [&](const char* phase, std::int64_t q_len, bool split) {
    return std::string(phase) + " " + toText(defaultSchedule(spec, hopper(), q_len, split)) + "\n";
  };
  const std::string prefill = line("prefill", 4096, false), packed = line("packed ", 32, false),
                    decode = line("decode ", 1, true);
  spec.varlen = true;
  return "\n" + prefill + line("varlen ", 4096, false) + packed + decode;
}

TEST(HopperDefaults, Of16Bits) {
  EXPECT_EQ(defaults(causal(DType::BF16, 64, 64)), R"(
prefill q_tile=192 kv_tile=128 warps=12 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=1
varlen  q_tile=192 kv_tile=128 warps=12 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=0
packed  q_tile=192 kv_tile=128 warps=12 stages=2 pack_gqa=1 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=1
decode  q_tile=64 kv_tile=64 warps=4 stages=8 pack_gqa=1 split_kv=1 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
)");
  EXPECT_EQ(defaults(causal(DType::BF16, 96, 96)), R"(
prefill q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=1
varlen  q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=0
packed  q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=1 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=1
decode  q_tile=64 kv_tile=64 warps=4 stages=8 pack_gqa=1 split_kv=1 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
)");
  EXPECT_EQ(defaults(causal(DType::BF16, 128, 128)), R"(
prefill q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=1
varlen  q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=0
packed  q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=1 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=1
decode  q_tile=64 kv_tile=64 warps=4 stages=6 pack_gqa=1 split_kv=1 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
)");
  EXPECT_EQ(defaults(causal(DType::BF16, 192, 128)), R"(
prefill q_tile=128 kv_tile=112 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=0 persistent=1
varlen  q_tile=128 kv_tile=112 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
packed  q_tile=128 kv_tile=112 warps=8 stages=2 pack_gqa=1 split_kv=0 warp_specialized=1 overlap=1 ping_pong=0 persistent=1
decode  q_tile=64 kv_tile=64 warps=4 stages=5 pack_gqa=1 split_kv=1 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
)");
  EXPECT_EQ(defaults(causal(DType::BF16, 256, 256)), R"(
prefill q_tile=128 kv_tile=80 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
varlen  q_tile=128 kv_tile=80 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
packed  q_tile=128 kv_tile=80 warps=8 stages=2 pack_gqa=1 split_kv=0 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
decode  q_tile=64 kv_tile=64 warps=4 stages=3 pack_gqa=1 split_kv=1 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
)");
}

TEST(HopperDefaults, Of8Bits) {
  EXPECT_EQ(defaults(causal(DType::E4M3, 128, 128)), R"(
prefill q_tile=128 kv_tile=160 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=1
varlen  q_tile=128 kv_tile=160 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=0
packed  q_tile=128 kv_tile=160 warps=8 stages=2 pack_gqa=1 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1 persistent=1
decode  q_tile=64 kv_tile=128 warps=4 stages=4 pack_gqa=1 split_kv=1 warp_specialized=1 overlap=1 ping_pong=0 persistent=0
)");
}

/// A block is launched with equal shares, in eights. Consumers that ask for more than it got wait forever.
TEST(RoleRegisters, FitWhatABlockIsLaunchedWith) {
  for (const bool persistent : {false, true})
    for (const bool transposes : {false, true}) {
      const auto [alone, computes] = roleRegisters(1, persistent, transposes);
      EXPECT_LE(128 * (alone + computes), hopper().registers_per_multiprocessor);
      EXPECT_LE(std::max(alone, computes), 255) << "a thread names no more, and one warpgroup takes none";
      for (const int warpgroups : {2, 3}) {
        const auto [producer, consumers] = roleRegisters(warpgroups, persistent, transposes);
        const int all = producer + warpgroups * consumers;
        EXPECT_LE(128 * all, hopper().registers_per_multiprocessor);
        const int launched = hopper().registers_per_multiprocessor / (128 * (1 + warpgroups)) / 8 * 8;
        EXPECT_LE(all, (1 + warpgroups) * launched) << warpgroups;
        for (const int taken : {producer, consumers})
          EXPECT_TRUE(taken % 8 == 0 && taken >= 24 && taken <= 256) << taken << ": setmaxnreg takes no such number";
        EXPECT_LE(producer, launched) << "it gives registers back";
        EXPECT_GE(consumers, launched) << "they take them";
      }
    }
}

TEST(RoleRegisters, SufficeForEveryDefault) {
  for (const DType dtype : {DType::F16, DType::BF16, DType::E4M3})
    for (int d = 64; d <= 256; d += 16)
      for (int dv = 64; dv <= 256; dv += 16)
        for (const std::int64_t q_len : {1, 8, 32, 64, 4096})
          for (const bool split : {false, true}) {
            const AttentionSpec spec = causal(dtype, d, dv);
            const Schedule s = defaultSchedule(spec, hopper(), q_len, split);
            const auto [needed, available] = consumerRegisters(spec, s);
            ASSERT_TRUE(s.warp_specialized && needed <= available) << d << " " << dv << " " << toText(s);
          }
}

} // namespace
} // namespace attune
