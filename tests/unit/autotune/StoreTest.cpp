#include "runtime/schedules/TunedSchedules.h"

#include "attune/compiler/Generator.h"
#include "autotune/search/Tuner.h"
#include "runtime/model/Resources.h"
#include "runtime/schedules/Chooser.h"
#include "tests/support/TemporaryFolder.h"
#include "tests/unit/autotune/SimulatedDevice.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <regex>

namespace attune::autotune {
namespace {

const AttentionSpec spec{
    .q_heads = 32, .kv_heads = 8, .head_dim = 128, .head_dim_v = 128, .causal = Causal::BottomRight};
const Problem decode{.batch = 1, .q_len = 1, .kv_len = 8192, .q_total = 1};
const Screen pass_all = [](const std::vector<Schedule>& schedules) {
  return std::vector<std::optional<std::string>>(schedules.size());
};

Record sample(const char* choice = "q_tile=64 kv_tile=32 warps=4 stages=3 pack_gqa=1 split_kv=1 splits=13") {
  Record r{.spec = spec, .shape = decode, .device_class = deviceClass(machineFor("sm_90a").device)};
  r.effort = Effort::Measure;
  r.policy = toText(Policy{});
  r.chosen = candidateFromText(choice);
  r.default_choice = costModel()->choose(spec, decode, machineFor("sm_90a").device, 0);
  r.us = 21.5, r.default_us = 30;
  r.reason = "measured 40 % faster";
  r.trials = {
      {r.chosen, 25, {.us = 21.5, .spread = 0.01, .samples = 40, .outliers = 1}, ""},
      {r.default_choice, 31, {.us = 30, .spread = 0.02, .samples = 10}, ""},
      {candidateFromText("q_tile=64 kv_tile=96 warps=4 stages=1 pack_gqa=1 split_kv=1 splits=4"), 26, {}, "spills"}};
  return r;
}

TEST(Buckets, TwoToTheOctave) {
  for (const auto& [length, step] : {std::pair{1, 1},
                                     {2, 2},
                                     {3, 3},
                                     {5, 6},
                                     {7, 8},
                                     {9, 8},
                                     {10, 12},
                                     {11, 12},
                                     {13, 12},
                                     {100, 96},
                                     {120, 128},
                                     {8192, 8192},
                                     {9000, 8192},
                                     {20000, 16384},
                                     {21000, 24576}})
    EXPECT_EQ(bucketOf({.batch = 1, .q_len = 1, .kv_len = length}).kv_len, step) << length;
  for (std::int64_t n = 1; n < 5000; n += 7) {
    const Problem b = bucketOf({.batch = n, .q_len = n, .kv_len = n});
    const double ratio = static_cast<double>(b.batch) / static_cast<double>(n);
    EXPECT_LT(std::abs(std::log(ratio)), std::log(1.5) / 2 + 1e-9) << n;
    EXPECT_EQ(toText(bucketOf(b)), toText(b)) << "a bucket stands for itself";
  }
  EXPECT_EQ(bucketOf({.batch = 3, .q_len = 1, .kv_len = 100}).q_len, 1); // decode stays decode
}

// What the bucket's record costs at the shapes that share it, against the best there is for each of them.
TEST(Buckets, RegretBetweenBucketsIsBounded) {
  const Machine machine = machineFor("sm_90a");
  double log_sum = 0, worst = 1, untuned = 0;
  int count = 0;
  std::mt19937 random(300);
  const auto any = [&](double low, double high) {
    return std::lround(std::exp(std::uniform_real_distribution<double>(std::log(low), std::log(high))(random)));
  };
  for (int i = 0; i < 30; ++i) {
    const std::int64_t length = any(100, i % 3 ? 20000 : 3000), batch = any(1, i % 3 ? 100 : 6);
    Problem problem{.batch = batch, .q_len = i % 3 ? 1 : length, .kv_len = length};
    problem.q_total = problem.batch * problem.q_len;
    const Problem bucket = bucketOf(problem);
    const auto surface = SimulatedDevice::Surface::Model;
    SimulatedDevice there(spec, bucket, machine, surface, 300 + i), here(spec, problem, machine, surface, 300 + i);
    const Tuning tuning = tune(spec, bucket, machine, &there, pass_all, {.effort = Effort::Measure});
    const auto choice =
        Adapter(findings(recordOf(spec, bucket, machine, {}, tuning)), bucket, spec, machine).at(problem);
    ASSERT_TRUE(choice);
    double least = 1e300;
    for (const Schedule& s : enumerate({spec, target("sm_90a"), problem}).feasible)
      for (const int splits : splitCounts(spec, problem, s))
        if (problem.q_len == 1 || splits <= 8)
          least = std::min(least, here.truth({s, splits}));
    const double ratio = here.truth(*choice) / least;
    log_sum += std::log(ratio), worst = std::max(worst, ratio), ++count;
    untuned += std::log(here.truth(costModel()->choose(spec, problem, machine.device, 0)) / least);
  }
  std::printf("regret at %d random shapes: mean %.1f %%, worst %.1f %% (untuned: mean %.1f %%)\n", count,
              100 * std::expm1(log_sum / count), 100 * (worst - 1), 100 * std::expm1(untuned / count));
  EXPECT_LE(std::expm1(log_sum / count), 0.05);
  EXPECT_LE(worst, 1.35);
}

// Whatever a record says, and whichever shape asks: what comes out keeps the rules and cuts no empty chunk.
TEST(Buckets, ALookupNeverPicksAnInfeasibleSchedule) {
  std::mt19937 random(7);
  const auto pick = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  int adapted = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) { // few of the combinations keep the rules
    AttentionSpec s = spec;
    s.head_dim = s.head_dim_v = 8 * (1 + pick(32));
    s.kv_heads = pick(2) ? 8 : 32;
    Schedule schedule; // any at all
    for (const Axis& axis : axes())
      axis.set(schedule, axis.values[pick(static_cast<int>(axis.values.size()))]);
    const Machine machine = machineFor(targets()[pick(static_cast<int>(targets().size()))].name);
    const Problem from{.batch = 2, .q_len = 1 + pick(64), .kv_len = 1 + pick(9000)};
    Problem to{.batch = 1 + pick(3), .q_len = 1 + pick(64), .kv_len = pick(9000)};
    const Adapter adapter({{{schedule, 1 + pick(40)}, 10.0}}, from, s, machine);
    const Target& limits = target(machine.device.arch);
    const std::int64_t length = to.kv_len;
    for (to.kv_len = length; to.kv_len < length + 3; ++to.kv_len) { // what is near is asked about once
      const auto choice = adapter.at(to);
      ++(choice ? adapted : refused);
      if (!choice)
        continue;
      EXPECT_FALSE(rejection({s, limits, to}, choice->schedule, false));
      EXPECT_LE(resourcesOf(s, choice->schedule, limits).shared_bytes, limits.shared_per_block);
      const std::vector<int> counts = splitCounts(s, to, choice->schedule);
      EXPECT_NE(std::ranges::find(counts, choice->splits), counts.end()) << toText(*choice);
    }
  }
  EXPECT_GT(adapted, 20);
  EXPECT_GT(refused, 20);
}

TEST(Record, ReadsBack) {
  const Record record = sample();
  const std::string payload = toPayload(record);
  const auto read = recordFromPayload(payload);
  ASSERT_TRUE(read);
  EXPECT_EQ(toPayload(*read), payload);
  EXPECT_EQ(keyOf(*read).text, keyOf(record).text);
  ASSERT_EQ(findings(*read).size(), 2u); // the spilling one is no finding
  EXPECT_EQ(toText(findings(*read)[0].candidate), toText(record.chosen));
}

TEST(Record, WhatIsNoneIsNone) {
  const std::string payload = toPayload(sample());
  for (std::size_t n = 0; n < payload.size(); n += 7)
    EXPECT_FALSE(recordFromPayload(payload.substr(0, n)));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = payload;
    changed.replace(changed.find(from), from.size(), to);
    return recordFromPayload(changed);
  };
  EXPECT_TRUE(with("21.5", "21.6"));
  EXPECT_FALSE(with("],\"us\":21.5", "],\"us\":-1"));
  EXPECT_FALSE(with("\"us\":21.5", "\"us\":0")); // of a trial
  EXPECT_FALSE(with("q_tile=64", "q_tile=65"));
  EXPECT_FALSE(with("\"head_dim\":128", "\"head_dim\":1000"));
  EXPECT_FALSE(with("\"measure\"", "\"guess\""));
}

TEST(Record, TheKeyHoldsAllThatDecides) {
  const Record record = sample();
  const cache::Key key = keyOf(record);
  Record other = record;
  other.spec.softcap = 50;
  EXPECT_NE(keyOf(other).text, key.text);
  other = record, other.shape.kv_len *= 2;
  EXPECT_NE(keyOf(other).text, key.text);
  other = record, other.device_class = deviceClass(machineFor("sm_80").device);
  EXPECT_NE(keyOf(other).text, key.text);
  other = record, other.policy = toText(Policy{.cold_l2 = false});
  EXPECT_NE(keyOf(other).variant, key.variant);
  other = record, other.us = 1; // content, not key
  EXPECT_EQ(keyOf(other).text, key.text);
}

TEST(Record, TheKeyNamesTheCompilerAndOfAnEstimateTheModelToo) {
  Record record = sample();
  EXPECT_TRUE(std::regex_match(std::string(generator()), std::regex("[0-9a-f]{16}"))) << generator();
  EXPECT_NE(generator(), chooser());
  const auto named = [&] { return nlohmann::json::parse(keyOf(record).text).at("generator").get<std::string>(); };
  EXPECT_EQ(named(), generator());
  record.effort = Effort::Estimate, record.policy = "estimate";
  EXPECT_EQ(named(), std::string(generator()) + " " + std::string(chooser()));
}

struct Stored : testing::Test {
  TemporaryFolder folder;
  cache::StoreOptions options() const {
    cache::StoreOptions o = tuningStore(folder.path());
    o.system.clear();
    return o;
  }
  const DeviceProperties h200 = machineFor("sm_90a").device;
};

TEST_F(Stored, AMeasurementGoesBeforeAnEstimate) {
  RecordStore store(options());
  Record estimate = sample("q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=1 split_kv=1 splits=8");
  estimate.effort = Effort::Estimate, estimate.policy = "estimate";
  const std::string where = deviceClass(h200), policy = toText(Policy{});
  EXPECT_FALSE(store.find(spec, decode, where, policy));
  EXPECT_TRUE(store.publish(estimate));
  EXPECT_EQ(store.find(spec, decode, where, policy)->effort, Effort::Estimate);
  EXPECT_TRUE(store.publish(sample()));
  EXPECT_EQ(store.find(spec, decode, where, policy)->effort, Effort::Measure);
  EXPECT_TRUE(store.publish(estimate)); // later, and still not better
  EXPECT_EQ(store.find(spec, decode, where, policy)->effort, Effort::Measure);
  EXPECT_EQ(store.find(spec, decode, where, toText(Policy{.samples = 99}))->effort, Effort::Measure);
}

TEST_F(Stored, WhatAnotherCompilerMeasuredIsNotRead) {
  RecordStore store(options());
  const Record record = sample();
  cache::Key key = keyOf(record);
  key.text.replace(key.text.find(generator()), generator().size(), "0123456789abcdef");
  EXPECT_TRUE(store.entries().put(key, toPayload(record)));
  EXPECT_FALSE(store.find(spec, decode, deviceClass(h200), record.policy));
  EXPECT_TRUE(store.publish(record));
  EXPECT_TRUE(store.find(spec, decode, deviceClass(h200), record.policy));
}

TEST_F(Stored, AnUnfinishedSearchDecidesNothing) {
  RecordStore store(options());
  Record part = sample();
  part.complete = false;
  store.publish(part);
  EXPECT_FALSE(store.find(spec, decode, deviceClass(h200), part.policy));
  EXPECT_TRUE(store.find(spec, decode, deviceClass(h200), part.policy, true));
}

TEST_F(Stored, TheEngineGetsWhatIsStored) {
  RecordStore(options()).publish(sample());
  const TunedSchedules tuned(options());
  EXPECT_EQ(toText(tuned.choose(spec, decode, h200, 0)), toText(sample().chosen));
  // another shape of the bucket, another device, a fixed count, another spec
  const Problem near{.batch = 1, .q_len = 1, .kv_len = 8000, .q_total = 1};
  EXPECT_EQ(tuned.choose(spec, near, h200, 0).schedule.kv_tile, 32);
  const auto untuned = [&](const AttentionSpec& s, const Problem& p, const DeviceProperties& d, int splits) {
    return toText(tuned.choose(s, p, d, splits)) == toText(costModel()->choose(s, p, d, splits));
  };
  EXPECT_TRUE(untuned(spec, decode, machineFor("sm_80").device, 0));
  EXPECT_TRUE(untuned(spec, decode, h200, 5));
  AttentionSpec other = spec;
  other.batch_invariant = true;
  EXPECT_TRUE(untuned(other, decode, h200, 0));
  EXPECT_TRUE(untuned(spec, {.batch = 1, .q_len = 1, .kv_len = 512, .q_total = 1}, h200, 0));
}

/// What drivers say of themselves, in torch.cuda.get_device_properties and the vendor's data sheets.
DeviceProperties reported(const char* name, const char* arch, int multiprocessors, std::size_t l2_bytes) {
  DeviceProperties device = machineFor(arch).device;
  device.name = name, device.multiprocessors = multiprocessors, device.l2_bytes = l2_bytes;
  return device;
}

TEST_F(Stored, CardsFindWhatWasMadeWithoutThem) {
  constexpr std::size_t mib = std::size_t{1} << 20;
  const char* choice = "q_tile=64 kv_tile=16 warps=4 stages=1 pack_gqa=1 split_kv=1 splits=3"; // what no model would
  RecordStore store(options());
  for (const char* arch : {"sm_90a", "sm_80"}) {
    Tuning tuning{.effort = Effort::Estimate, .us = 1, .default_us = 1};
    tuning.chosen = tuning.default_choice = candidateFromText(choice);
    const Record record = recordOf(spec, decode, machineFor(arch), {}, tuning);
    EXPECT_EQ(record.device, machineFor(arch).device.name);
    EXPECT_EQ(recordFromPayload(toPayload(record))->device, record.device);
    EXPECT_TRUE(store.publish(record));
  }
  const TunedSchedules tuned(options());
  for (const DeviceProperties& card :
       {reported("NVIDIA H100 80GB HBM3", "sm_90a", 132, 50 * mib), reported("NVIDIA H200", "sm_90a", 132, 60 * mib),
        reported("NVIDIA GH200 480GB", "sm_90a", 132, 60 * mib),
        reported("NVIDIA A100-SXM4-80GB", "sm_80", 108, 40 * mib)})
    EXPECT_EQ(toText(tuned.choose(spec, decode, card, 0)), choice) << card.name;
  for (const DeviceProperties& card :
       {reported("NVIDIA H100 PCIe", "sm_90a", 114, 50 * mib), reported("NVIDIA A30", "sm_80", 56, 24 * mib)})
    EXPECT_EQ(toText(tuned.choose(spec, decode, card, 0)), toText(costModel()->choose(spec, decode, card, 0)))
        << card.name;
}

TEST_F(Stored, ARecordThatDoesNotFitIsPassedOver) {
  RecordStore(options()).publish(sample("q_tile=256 kv_tile=160 warps=4 stages=4 pack_gqa=1 split_kv=1 splits=4"));
  const TunedSchedules tuned(options());
  const Candidate choice = tuned.choose(spec, decode, h200, 0);
  EXPECT_FALSE(rejection({spec, target("sm_90a"), decode}, choice.schedule, false)) << toText(choice);
}

} // namespace
} // namespace attune::autotune
