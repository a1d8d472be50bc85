// What it costs not to tune: the engine's choice against the best of the whole space, on devices whose figures the cost
// model does not know. Beside it the closed formulas of other systems, each on the engine's own schedule for decode.
#include "tests/unit/autotune/SimulatedDevice.h"

#include "attune/compiler/Compile.h"
#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/SpecJson.h"
#include "autotune/search/Screen.h"
#include "runtime/toolchain/Toolchain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

namespace attune::autotune {
namespace {

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Of times over the best time.
struct Regret {
  double log_sum = 0, worst = 1;
  int count = 0;
  void add(double ratio) { log_sum += std::log(ratio), worst = std::max(worst, ratio), ++count; }
  double mean() const { return std::expm1(log_sum / count); }
  void print(const char* name) const {
    std::printf("%-30s mean %5.1f %%, worst %5.1f %%, %d cases\n", name, 100 * mean(), 100 * (worst - 1), count);
  }
};

AttentionSpec gqa(int head_dim, int q_heads, int kv_heads) {
  return {.q_heads = q_heads,
          .kv_heads = kv_heads,
          .head_dim = head_dim,
          .head_dim_v = head_dim,
          .causal = Causal::BottomRight};
}

struct Request {
  const char* arch;
  AttentionSpec spec;
  Problem problem;
  bool decode() const { return problem.q_len == 1; }
};

std::vector<Request> requests() {
  std::vector<Request> all;
  for (const char* arch : {"sm_80", "sm_90a"})
    for (const int head_dim : {64, 128})
      for (const std::int64_t batch : {1, 4, 32})
        for (const std::int64_t n : {512, 2048, 8192, 32768})
          for (const bool decode : {true, false})
            if (decode || batch * n <= 32768)
              all.push_back({arch, gqa(head_dim, 32, 8), {.batch = batch, .q_len = decode ? 1 : n, .kv_len = n}});
  return all;
}

using Times = std::function<double(const Candidate&)>;

/// Schedules with their best chunk count, the fastest first.
std::vector<std::pair<double, Schedule>> ranked(const Request& r, const Times& time) {
  std::vector<std::pair<double, Schedule>> all;
  for (const Schedule& schedule : enumerate({r.spec, target(r.arch), r.problem}).feasible) {
    double least = 1e300;
    for (const int splits : splitCounts(r.spec, r.problem, schedule)) {
      if (splits > (r.decode() ? 64 : 4)) // beyond, all shapes of this test get slower
        break;
      least = std::min(least, time({schedule, splits}));
    }
    all.emplace_back(least, schedule);
  }
  std::ranges::stable_sort(all, {}, &std::pair<double, Schedule>::first);
  return all;
}

// Chunk counts for one query per sequence, as the published formulas have them: `blocks` is batch x kv heads.
struct Decode {
  std::int64_t blocks, keys, multiprocessors;
  int head_dim;
};

int flashAttention2(const Decode& d) { // num_splits_heuristic: the fewest chunks that are 85 % as good as the best
  const std::int64_t tiles = ceilDiv(d.keys, d.head_dim <= 64 ? 256 : d.head_dim <= 128 ? 128 : 64);
  const std::int64_t slots = 2 * d.multiprocessors, most = std::min({std::int64_t{128}, slots, tiles});
  if (static_cast<double>(d.blocks) >= 0.8 * static_cast<double>(slots))
    return 1;
  const auto efficiency = [&](std::int64_t n) {
    if (n > 1 && ceilDiv(tiles, n) == ceilDiv(tiles, n - 1))
      return 0.0;
    const double waves = static_cast<double>(d.blocks * n) / static_cast<double>(slots);
    return waves / std::ceil(waves);
  };
  double best = 0;
  for (std::int64_t n = 1; n <= most; ++n)
    best = std::max(best, efficiency(n));
  int n = 1;
  while (efficiency(n) < 0.85 * best)
    ++n;
  return n;
}

int flashInfer(const Decode& d) { // batch decode: the smallest chunk, 128 keys or more, with which two blocks fill each
  if (d.blocks >= 2 * d.multiprocessors)
    return 1;
  std::int64_t chunk = 128;
  while (d.blocks * ceilDiv(d.keys, chunk) > 2 * d.multiprocessors)
    ++chunk;
  return static_cast<int>(ceilDiv(d.keys, chunk));
}

int flexDecoding(const Decode& d) {
  return static_cast<int>(std::max<std::int64_t>(d.multiprocessors / d.blocks * 2, 1));
}

TEST(Untuned, IsWithinATenthOfTuned) {
  Regret all, prefill, decode, fa2, flash_infer, flex;
  for (const Request& r : requests()) {
    const auto& [arch, spec, problem] = r;
    const Machine machine = machineFor(arch);
    const SimulatedDevice device(spec, problem, machine, SimulatedDevice::Surface::Figures,
                                 static_cast<std::uint64_t>(all.count));
    const Times time = [&](const Candidate& c) { return device.truth(c); };
    const double best = ranked(r, time).at(0).first;
    const double ratio = time(costModel()->choose(spec, problem, machine.device, 0)) / best;
    all.add(ratio);
    (r.decode() ? decode : prefill).add(ratio);
    if (!r.decode())
      continue;
    const Decode d{problem.batch * spec.kv_heads, problem.kv_len, machine.device.multiprocessors, spec.head_dim};
    const Schedule split = defaultSchedule(spec, target(arch), 1, true),
                   whole = defaultSchedule(spec, target(arch), 1, false);
    for (const auto& [formula, regret] :
         {std::pair{&flashAttention2, &fa2}, {&flashInfer, &flash_infer}, {&flexDecoding, &flex}}) {
      const int splits = cut(spec, problem, split, formula(d)).splits;
      regret->add(time({splits > 1 ? split : whole, splits}) / best);
    }
  }
  all.print("untuned");
  prefill.print("  prefill");
  decode.print("  decode");
  fa2.print("  decode, FlashAttention-2's");
  flash_infer.print("  decode, FlashInfer's");
  flex.print("  decode, FlexAttention's");
  EXPECT_LE(all.mean(), 0.10);
  EXPECT_LE(decode.mean(), std::min({fa2.mean(), flash_infer.mean(), flex.mean()}));
}

/// Whether ptxas has registers for it.
bool compiles(const Request& r, const Schedule& schedule) {
  static std::map<std::string, bool> known;
  const std::string key = std::string(r.arch) + specToJson(r.spec) + attune::toText(schedule);
  const auto [entry, is_new] = known.try_emplace(key, true);
  if (is_new)
    for (const KernelSource& kernel : compile(r.spec, schedule, target(r.arch)).kernels)
      entry->second =
          entry->second &&
          !objection(Toolchain::shared()->build(kernel.cuda, r.arch, Image::Kind::Cubin, kernel.manifest.name).log);
  return entry->second;
}

// What is lost where the device is as the model believes is the choice's own: of default schedules, not of all there
// are. With ATTUNE_FULL=1 what the model puts ahead is compiled, and what spills is no better choice.
TEST(Untuned, LosesLittleWhereTheModelIsRight) {
  const bool full = std::getenv("ATTUNE_FULL") != nullptr;
  Regret all, prefill, decode;
  for (const Request& r : requests()) {
    const Machine machine = machineFor(r.arch);
    const Times time = [&](const Candidate& c) { return predict(r.spec, r.problem, c, machine).us; };
    const double chosen = time(costModel()->choose(r.spec, r.problem, machine.device, 0));
    double best = chosen;
    for (const auto& [us, schedule] : ranked(r, time)) {
      if (us >= chosen) // so it is the choice, which does not spill
        break;
      if (full && !compiles(r, schedule))
        continue;
      best = us;
      break;
    }
    all.add(chosen / best);
    (r.decode() ? decode : prefill).add(chosen / best);
  }
  all.print(full ? "untuned, model right, no spills" : "untuned, model right");
  prefill.print("  prefill");
  decode.print("  decode");
  EXPECT_LE(all.mean(), 0.05);
  EXPECT_LE(decode.mean(), 0.02);
}

} // namespace
} // namespace attune::autotune
