// Engines take what `attune tune` and `attune precompute` recorded, and without a record choose as the cost model does.
#include "tests/unit/runtime/engine/Fixture.h"

#include "runtime/model/Machine.h"
#include "runtime/schedules/RecordStore.h"

namespace attune {
namespace {

using schedules::Record;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Tuned : public EngineTest {
protected:
  static AttentionSpec spec() {
    AttentionSpec s = small();
    s.lse = false;
    return s;
  }
  static constexpr Problem problem{.q_len = 1, .kv_len = 256};
  /// What no model would choose here.
  static constexpr const char* choice = "q_tile=64 kv_tile=16 warps=4 stages=1 pack_gqa=1 split_kv=1 splits=3";

  cache::StoreOptions folderOf(const CacheOptions& options) const {
    cache::StoreOptions store = schedules::tuningStore(*options.folder);
    store.system.clear();
    return store;
  }
  void publish(const AttentionSpec& of, const char* chosen = choice,
               schedules::Effort effort = schedules::Effort::Measure) {
    Record record{.spec = of, .shape = problem, .device_class = model::deviceClass(device->properties())};
    record.effort = effort, record.policy = toText(schedules::Policy{});
    record.chosen = record.default_choice = schedules::candidateFromText(chosen);
    record.us = record.default_us = 5;
    record.reason = "a test says so";
    ASSERT_TRUE(schedules::RecordStore(folderOf(cache())).publish(record));
  }
  static std::string textOf(const Plan& plan) { return schedules::toText({plan.schedule(), plan.splits()}); }
  std::string untuned(const AttentionSpec& of, const Problem& at, const PrepareOptions& options = {}) {
    Engine engine(device, costModel(), cache());
    return textOf(engine.prepare(of, at, options));
  }
};

TEST_F(Tuned, AnEngineTakesWhatIsRecorded) {
  ASSERT_NE(untuned(spec(), problem), choice);
  publish(spec());
  Engine engine(device, cache());
  const Plan plan = engine.prepare(spec(), problem);
  EXPECT_EQ(textOf(plan), choice);
  EXPECT_EQ(engine.prepare(spec(), {.q_len = 1, .kv_len = 230}).schedule().kv_tile, 16) << "of the same bucket";
  const Launchable tensors(device, spec(), 1, 1, 256);
  Tensors given = tensors.tensors();
  given.lse = {};
  engine.launch(plan, given);
  EXPECT_TRUE(tensors.right());
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(Tuned, WithoutARecordTheModelDecides) {
  Engine engine(device, cache());
  for (const Problem& at : {problem, Problem{.batch = 3, .q_len = 70, .kv_len = 90}})
    EXPECT_EQ(textOf(engine.prepare(spec(), at)), untuned(spec(), at));
  EXPECT_FALSE(std::filesystem::exists(folder / "cache" / "tuning-v1")) << "looking for records writes nothing";
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(Tuned, TheModelDecidesWhatRecordsDoNot) {
  publish(spec());
  AttentionSpec invariant = spec(), other = spec();
  invariant.batch_invariant = true, other.softcap = 30;
  Engine engine(device, cache());
  EXPECT_EQ(textOf(engine.prepare(invariant, problem)), untuned(invariant, problem));
  EXPECT_EQ(textOf(engine.prepare(other, problem)), untuned(other, problem));
  EXPECT_EQ(textOf(engine.prepare(spec(), problem, {.splits = 2})), untuned(spec(), problem, {.splits = 2}));
  const Problem far{.q_len = 1, .kv_len = 64};
  EXPECT_EQ(textOf(engine.prepare(spec(), far)), untuned(spec(), far));
}

// A host that sets its scale, and has its heads outside, launches the same kernels as the preset that was tuned.
TEST_F(Tuned, WhatIsNoPartOfAKernelIsNoPartOfAKey) {
  publish(spec());
  AttentionSpec same = spec();
  same.scale = 0.3, same.layout = Layout::Bhsd, same.deterministic = false, same.head_dim_v = same.head_dim;
  Engine engine(device, cache());
  EXPECT_EQ(textOf(engine.prepare(same, problem)), choice);
}

TEST_F(Tuned, AHitDoesNotTouchTheDisk) {
  publish(spec());
  Engine engine(device, cache());
  engine.prepare(spec(), problem);
  std::filesystem::remove_all(folder / "cache");
  EXPECT_EQ(textOf(engine.prepare(spec(), problem)), choice);
  EXPECT_EQ(engine.prepare(spec(), {.q_len = 1, .kv_len = 240}).schedule().kv_tile, 16) << "nor does its bucket";
  EXPECT_THAT(warnings, IsEmpty());
}

// The same request gives the same bits for as long as an engine lives, whatever `attune tune` finds meanwhile.
TEST_F(Tuned, AnEngineKeepsToWhatItFound) {
  Engine engine(device, cache());
  const std::string before = textOf(engine.prepare(spec(), problem));
  publish(spec());
  EXPECT_EQ(textOf(engine.prepare(spec(), problem)), before);
  EXPECT_NE(engine.prepare(spec(), {.q_len = 1, .kv_len = 230}).schedule().kv_tile, 16) << "nor for its bucket";
  EXPECT_EQ(textOf(Engine(device, cache()).prepare(spec(), problem)), choice) << "another engine looks again";
}

TEST_F(Tuned, ABrokenRecordIsPassedOverWithOneWarning) {
  publish(spec());
  for (const cache::EntryInfo& entry : cache::EntryStore(folderOf(cache())).list())
    std::filesystem::resize_file(entry.path, entry.bytes - 1);
  Engine engine(device, cache());
  EXPECT_EQ(textOf(engine.prepare(spec(), problem)), untuned(spec(), problem));
  EXPECT_EQ(textOf(engine.prepare(spec(), {.q_len = 1, .kv_len = 250})), untuned(spec(), {.q_len = 1, .kv_len = 250}));
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_THAT(warnings[0], HasSubstr("tuning-v1"));
}

TEST_F(Tuned, AFolderThatOthersWriteIsPassedOverWithOneWarning) {
  publish(spec());
  std::filesystem::permissions(folder / "cache", std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  Engine engine(device, cache()); // its kernels are not taken from there either
  EXPECT_NE(textOf(engine.prepare(spec(), problem)), choice);
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_THAT(warnings[0], HasSubstr("chmod go-w"));
}

TEST_F(Tuned, WithoutACacheNothingIsLookedUp) {
  publish(spec());
  setenv("XDG_DATA_DIRS", folder.path().c_str(), 1); // a system tier with the same record
  std::filesystem::rename(folder / "cache", folder / "attune");
  Engine nowhere(device, {.folder = ""}), here(device, {.folder = (folder / "empty").string()});
  EXPECT_NE(textOf(nowhere.prepare(spec(), problem)), choice);
  EXPECT_EQ(textOf(here.prepare(spec(), problem)), choice);
  unsetenv("XDG_DATA_DIRS");
}

TEST_F(Tuned, RecordsTravelWithTheKernels) {
  publish(spec());
  Engine first(device, cache());
  first.prepare(spec(), problem);
  const std::string blob = first.exportCache();

  Engine rank(device, {.folder = ""});
  const PrepareOptions only{.mode = PrepareMode::CacheOnly};
  EXPECT_THROW(rank.prepare(spec(), problem, only), CacheMiss);
  EXPECT_EQ(rank.importCache(blob), 3U) << "two kernels and a record";
  EXPECT_EQ(textOf(rank.prepare(spec(), problem, only)), choice) << "also of what was decided before";

  CacheOptions other = cache();
  other.folder = (folder / "other").string();
  EXPECT_EQ(Engine(device, other).importCache(blob), 3U);
  EXPECT_EQ(textOf(Engine(device, other).prepare(spec(), problem, only)), choice) << "and of the next process";
  EXPECT_EQ(Engine(device, costModel(), {.folder = ""}).importCache(blob), 2U) << "records are for engines that ask";
}

TEST_F(Tuned, AnImportDoesNotReplaceABetterRecord) {
  publish(spec());
  Engine first(device, cache());
  first.prepare(spec(), problem);
  const std::string blob = first.exportCache();
  // here the same was searched for longer, and something else was found
  const char* const better = "q_tile=64 kv_tile=32 warps=4 stages=1 pack_gqa=1 split_kv=1 splits=2";
  publish(spec(), better, schedules::Effort::Exhaustive);
  Engine here(device, cache());
  EXPECT_EQ(here.importCache(blob), 0U);
  EXPECT_EQ(textOf(here.prepare(spec(), problem)), better);
}

TEST_F(Tuned, AProviderIsNeeded) {
  EXPECT_THAT(refusal([&] { Engine(device, nullptr, cache()); }), HasSubstr("costModel()"));
}

} // namespace
} // namespace attune
