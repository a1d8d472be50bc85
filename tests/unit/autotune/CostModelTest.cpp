#include "autotune/search/Rank.h"

#include "attune/compiler/DefaultSchedule.h"
#include "runtime/model/Chunks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

namespace attune::autotune {
namespace {

AttentionSpec gqa(int head_dim, int q_heads = 32, int kv_heads = 8) {
  return {.q_heads = q_heads,
          .kv_heads = kv_heads,
          .head_dim = head_dim,
          .head_dim_v = head_dim,
          .causal = Causal::BottomRight};
}
Problem prefill(std::int64_t batch, std::int64_t n) { return {.batch = batch, .q_len = n, .kv_len = n}; }
Problem decode(std::int64_t batch, std::int64_t n) { return {.batch = batch, .q_len = 1, .kv_len = n}; }

Candidate chosen(const AttentionSpec& spec, const Problem& problem, const Machine& machine) {
  const Space space = enumerate({spec, target(machine.device.arch), problem});
  return rank(spec, problem, space.feasible, machine).front().candidate;
}

double term(const Cost& cost, const std::string& name) {
  for (const Term& t : cost.terms)
    if (t.name == name)
      return t.us;
  return -1;
}

// performance.md 2.5: 537 MB of keys and values take 125 to 132 us at what copies reach.
TEST(CostModel, DecodeOfManyKeysIsBoundByDeviceMemory) {
  const Machine h200 = machineFor("sm_90a");
  for (const Problem& problem : {decode(32, 4096), decode(1, 131072)}) {
    const AttentionSpec spec = gqa(128);
    const Candidate best = chosen(spec, problem, h200);
    const Cost cost = predict(spec, problem, best, h200);
    EXPECT_STREQ(cost.bound, "device memory") << toText(best);
    EXPECT_GT(cost.us, 125);
    EXPECT_LT(cost.us, 160) << toText(best);
  }
}

// performance.md 1 and 7: 16k tokens, head dim 128, causal. mma.sync reaches 0.40 to 0.47 of the 790 TFLOP/s of a
// matmul on this GPU, and the best kernels for wgmma and TMA reach 640 to 690.
TEST(CostModel, LongPrefillIsAsFastAsKernelsAreKnownToBe) {
  const AttentionSpec spec = gqa(128);
  const Problem problem = prefill(1, 16384);
  for (const auto& [arch, least, most] : {std::tuple{"sm_90", 240, 430}, {"sm_90a", 520, 790}}) {
    const Machine h200 = machineFor(arch);
    const Candidate best = chosen(spec, problem, h200);
    const Cost cost = predict(spec, problem, best, h200);
    const double flops = 4.0 * 128 * 32 * 16384.0 * 16385 / 2;
    const double tflops = flops / cost.us * 1e-6;
    EXPECT_GT(tflops, least) << toText(best) << " " << cost.bound;
    EXPECT_LT(tflops, most) << toText(best);
    EXPECT_EQ(best.schedule.warp_specialized, arch == std::string("sm_90a"));
  }
}

TEST(CostModel, ASplitPaysWhereBlocksAreFew) {
  const Machine h200 = machineFor("sm_90a");
  const AttentionSpec spec = gqa(128);
  EXPECT_GT(chosen(spec, decode(1, 32768), h200).splits, 8);
  EXPECT_EQ(chosen(spec, decode(1, 64), h200).splits, 1);
  EXPECT_EQ(chosen(spec, prefill(4, 4096), h200).splits, 1);
  EXPECT_LT(chosen(spec, decode(64, 8192), h200).splits, chosen(spec, decode(1, 8192), h200).splits);
}

TEST(CostModel, TermsExplainTheTime) {
  const Machine h200 = machineFor("sm_90a");
  for (const Problem& problem : {decode(1, 8192), decode(64, 1024), prefill(1, 512), prefill(8, 8192)}) {
    const AttentionSpec spec = gqa(128);
    const Candidate best = chosen(spec, problem, h200);
    const Cost cost = predict(spec, problem, best, h200);
    EXPECT_DOUBLE_EQ(cost.us, cost.fold_us + cost.combine_us);
    double sum = 0;
    for (const Term& t : cost.terms) {
      EXPECT_GE(t.us, 0) << t.name;
      EXPECT_LE(t.us, cost.us * 1.0001) << t.name; // no term alone is more than the whole
      sum += t.us;
    }
    EXPECT_GE(sum, cost.us) << toText(best); // nothing is left unexplained
    EXPECT_EQ(term(cost, "combine") > 0, best.schedule.split_kv);
  }
}

// More of a resource never costs time.
TEST(CostModel, AFasterMachineIsNotSlower) {
  const AttentionSpec spec = gqa(128);
  for (const Problem& problem : {decode(4, 8192), prefill(2, 2048)}) {
    const Machine h200 = machineFor("sm_90a");
    const Candidate best = chosen(spec, problem, h200);
    const double base = predict(spec, problem, best, h200).us;
    for (double Figures::* rate :
         {&Figures::clock_ghz, &Figures::tensor_flops, &Figures::sfu_ops, &Figures::shared_wavefronts,
          &Figures::instructions, &Figures::l2_gbytes_per_s, &Figures::memory_gbytes_per_s}) {
      Machine faster = h200;
      faster.figures.*rate *= 1.5;
      EXPECT_LE(predict(spec, problem, best, faster).us, base * 1.0001);
    }
    for (double Figures::* delay : {&Figures::memory_latency_us, &Figures::l2_latency_us, &Figures::launch_us}) {
      Machine slower = h200;
      slower.figures.*delay *= 2;
      EXPECT_GE(predict(spec, problem, best, slower).us, base * 0.9999);
    }
  }
}

// A block that stays has its ends once, so many short pieces gain, and few long ones or one each hardly.
TEST(CostModel, APersistentGridSavesTheEndsOfItsPieces) {
  const Machine h200 = machineFor("sm_90a");
  const AttentionSpec spec = gqa(128);
  const auto gain = [&](const Problem& problem) {
    Candidate candidate{defaultSchedule(spec, target("sm_90a"), problem.q_len, false), 1};
    EXPECT_TRUE(candidate.schedule.persistent);
    const Cost stays = predict(spec, problem, candidate, h200);
    candidate.schedule.persistent = false;
    return predict(spec, problem, candidate, h200).us / stays.us;
  };
  const double one_each = gain(prefill(1, 512)), two_thousand = gain(prefill(8, 2048)),
               long_ones = gain(prefill(1, 32768));
  EXPECT_NEAR(one_each, 1, 0.01); // 128 pieces
  EXPECT_GT(two_thousand, 1.05);
  EXPECT_LT(two_thousand, 1.25);
  EXPECT_GT(long_ones, 1);
  EXPECT_LT(long_ones, two_thousand);
}

// Half the bytes, and products at twice the rate: prefill gains less than half, for exponentials stay as they are.
TEST(CostModel, EightBitsTakeHalfTheBytesAndTheProductsHalfTheTime) {
  const Machine h200 = machineFor("sm_90a");
  const AttentionSpec wide = gqa(128);
  AttentionSpec narrow = wide;
  narrow.dtype = DType::E4M3;
  for (const Problem& problem : {decode(64, 16384), prefill(4, 8192)}) {
    const Cost before = predict(wide, problem, chosen(wide, problem, h200), h200);
    const Cost after = predict(narrow, problem, chosen(narrow, problem, h200), h200);
    EXPECT_LT(after.us, before.us);
    if (problem.q_len == 1) {
      EXPECT_NEAR(after.us / before.us, 0.5, 0.05); // bound by device memory
    } else {
      EXPECT_GT(after.us, before.us / 2);
    }
  }
  const Candidate same{
      scheduleFromText("q_tile=128 kv_tile=128 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 "
                       "overlap=1 ping_pong=1"),
      1};
  EXPECT_NEAR(term(predict(narrow, prefill(4, 8192), same, h200), "tensor"),
              term(predict(wide, prefill(4, 8192), same, h200), "tensor") / 2, 1e-6);
}

TEST(CostModel, MoreWorkTakesLonger) {
  const Machine h200 = machineFor("sm_90a");
  const AttentionSpec spec = gqa(128);
  double before = 0;
  for (const std::int64_t n : {256, 1024, 4096, 16384, 65536}) {
    const double us = predict(spec, decode(8, n), chosen(spec, decode(8, n), h200), h200).us;
    EXPECT_GT(us, before);
    before = us;
  }
}

TEST(Machine, KnownProductsAndTheNewestOfAnArchitecture) {
  EXPECT_EQ(machineFor("sm_90a").device.name, "NVIDIA H200");
  EXPECT_EQ(machineFor("sm_90").device.multiprocessors, 132);
  EXPECT_THROW(machineFor("sm_70"), UserError);
  DeviceProperties device = machineFor("sm_90a").device;
  device.name = "NVIDIA H100 80GB HBM3";
  EXPECT_LT(machineOf(device).figures.memory_gbytes_per_s, machineFor("sm_90a").figures.memory_gbytes_per_s);
  DeviceProperties laptop = machineFor("sm_86").device;
  laptop.name = "NVIDIA RTX A1000 Laptop GPU"; // no A100
  EXPECT_EQ(machineOf(laptop).figures.tensor_flops, machineFor("sm_86").figures.tensor_flops);
  for (const Target& t : targets())
    EXPECT_GT(machineFor(t.name).figures.tensor_flops, 0) << t.name;
}

} // namespace
} // namespace attune::autotune
