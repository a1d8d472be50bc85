// PrepareMode::Background: a plan that launches at once, and its own kernels when they are there.
#include "tests/unit/runtime/engine/Fixture.h"

#include "runtime/engine/Background.h"
#include "runtime/support/ForwardingDevice.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

namespace attune {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// An emulated device whose loads can be held back and made to fail.
class SlowLoads final : public ForwardingDevice {
public:
  using ForwardingDevice::ForwardingDevice;

  DevicePtr allocate(std::size_t bytes, std::string_view name) override {
    ++allocations;
    return ForwardingDevice::allocate(bytes, name);
  }
  std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view name) override {
    if (held)
      released.wait();
    if (fails)
      throw DeviceError("no memory for a kernel");
    return ForwardingDevice::load(image, name);
  }
  void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments,
              void* stream) override {
    ++launches;
    ForwardingDevice::launch(kernel, config, arguments, stream);
  }

  std::atomic<bool> held = false, fails = false;
  std::atomic<int> allocations = 0, launches = 0;
  std::latch released{1};
};

const PrepareOptions background{.mode = PrepareMode::Background};

class BackgroundMode : public EngineTest {
protected:
  static AttentionSpec free() { // of the promise that bits stay
    AttentionSpec spec = small(64);
    spec.deterministic = false;
    return spec;
  }
  static PrepareOptions pinned(const char* schedule, PrepareMode mode, int splits = 0) {
    return {.schedule = scheduleFromText(schedule), .splits = splits, .mode = mode};
  }
  static constexpr const char* general = "q_tile=64 kv_tile=64 warps=4 stages=1 pack_gqa=0 split_kv=0";
  static constexpr const char* special = "q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=1 split_kv=1";

  std::shared_ptr<SlowLoads> slow = std::make_shared<SlowLoads>(device);
};

TEST_F(BackgroundMode, LaunchesAtOnceAndSwitchesWhenItsOwnKernelsAreThere) {
  Engine engine(slow, costModel(), cache());
  const Problem problem{.batch = 1, .q_len = 20, .kv_len = 300};
  engine.prepare(free(), {.q_len = 1, .kv_len = 1}, pinned(general, PrepareMode::Blocking));
  slow->held = true;
  const Plan plan = engine.prepare(free(), problem, pinned(special, PrepareMode::Background));
  EXPECT_FALSE(plan.specialized());
  EXPECT_EQ(toText(plan.schedule()), toText(scheduleFromText(general)));
  EXPECT_EQ(plan.splits(), 1);
  EXPECT_EQ(plan.kernels().size(), 1U);
  const Launchable before(slow, free(), 1, 20, 300);
  engine.launch(plan, before.tensors());
  EXPECT_TRUE(before.right());

  slow->held = false;
  slow->released.count_down();
  plan.wait();
  EXPECT_TRUE(plan.specialized());
  EXPECT_EQ(toText(plan.schedule()), toText(scheduleFromText(special)));
  EXPECT_GT(plan.splits(), 1);
  EXPECT_EQ(plan.kernels().size(), 2U) << "a partial kernel and its combine";
  const Launchable after(slow, free(), 1, 20, 300);
  const int allocations = slow->allocations, launches = slow->launches;
  engine.launch(plan, after.tensors());
  EXPECT_EQ(slow->allocations, allocations) << "the workspace was there from the start";
  EXPECT_EQ(slow->launches, launches + 2);
  EXPECT_TRUE(after.right());
  const CacheCounters counters = engine.cacheCounters();
  EXPECT_EQ(counters.general, 1U);
  EXPECT_EQ(counters.specialized, 1U);
  EXPECT_EQ(counters.failed, 0U);

  const Plan next = engine.prepare(free(), problem, pinned(special, PrepareMode::Background));
  EXPECT_TRUE(next.specialized()) << "the next one has them from the start";
  next.wait();
}

TEST_F(BackgroundMode, TheFirstPlanOfASpecBlocks) {
  Engine engine(slow, costModel(), cache());
  const Plan plan = engine.prepare(free(), {.q_len = 8, .kv_len = 8}, background);
  EXPECT_TRUE(plan.specialized());
  EXPECT_EQ(engine.cacheCounters().general, 0U);
  AttentionSpec other = free();
  other.softcap = 20;
  EXPECT_TRUE(engine.prepare(other, {.q_len = 8, .kv_len = 8}, background).specialized())
      << "kernels of another spec are of no use";
}

TEST_F(BackgroundMode, TheBestOfTheLoadedKernelsStandsIn) {
  Engine engine(slow, costModel(), cache());
  for (const char* loaded : {general, "q_tile=64 kv_tile=64 warps=4 stages=1 pack_gqa=1 split_kv=1"})
    engine.prepare(free(), {.q_len = 1, .kv_len = 1}, pinned(loaded, PrepareMode::Blocking));
  slow->held = true;
  const auto stands_in = [&](const Problem& problem, int splits) {
    const Plan plan = engine.prepare(free(), problem, pinned(special, PrepareMode::Background, splits));
    EXPECT_FALSE(plan.specialized());
    return plan.schedule().split_kv;
  };
  EXPECT_TRUE(stands_in({.q_len = 1, .kv_len = 100000}, 0)) << "one row, many keys";
  EXPECT_FALSE(stands_in({.batch = 200, .q_len = 64, .kv_len = 64}, 0));
  EXPECT_TRUE(stands_in({.batch = 200, .q_len = 64, .kv_len = 64}, 2)) << "the caller wants two chunks";
  slow->held = false;
  slow->released.count_down();
}

// The compiler cuts rings that do not fit; what was asked for would not, and is no schedule to predict.
TEST_F(BackgroundMode, KernelsWhoseRingsWereCutStandIn) {
  AttentionSpec spec = free();
  spec.head_dim = 128;
  Engine engine(slow, costModel(), cache());
  const char* const deep = "q_tile=64 kv_tile=64 warps=4 stages=8 pack_gqa=0 split_kv=0";
  engine.prepare(spec, {.q_len = 1, .kv_len = 1}, pinned(deep, PrepareMode::Blocking));
  const Plan plan = engine.prepare(spec, {.q_len = 20, .kv_len = 300}, pinned(general, PrepareMode::Background));
  plan.wait();
  EXPECT_EQ(engine.cacheCounters().general, 1U);
  EXPECT_TRUE(plan.specialized());
}

TEST_F(BackgroundMode, AFailureIsCountedAndSaidOnceAndThePlanGoesOn) {
  Engine engine(slow, costModel(), cache());
  engine.prepare(free(), {.q_len = 1, .kv_len = 1}, pinned(general, PrepareMode::Blocking));
  slow->fails = true;
  const Problem problem{.batch = 1, .q_len = 20, .kv_len = 300};
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Plan plan = engine.prepare(free(), problem, pinned(special, PrepareMode::Background));
    plan.wait();
    EXPECT_FALSE(plan.specialized());
    const Launchable tensors(slow, free(), 1, 20, 300);
    engine.launch(plan, tensors.tensors());
    EXPECT_TRUE(tensors.right());
  }
  EXPECT_EQ(engine.cacheCounters().failed, 2U);
  EXPECT_THAT(warnings, ElementsAre(AllOf(HasSubstr("keeps its general kernel"), HasSubstr("no memory for a kernel"))));
  slow->fails = false;
  const Plan plan = engine.prepare(free(), problem, pinned(special, PrepareMode::Background));
  plan.wait();
  EXPECT_TRUE(plan.specialized()) << "a failure is not remembered";
}

TEST_F(BackgroundMode, BitsThatMustNotChangeAreRefused) {
  Engine engine(slow, costModel(), cache());
  AttentionSpec spec = small();
  EXPECT_EQ(refusal([&] { engine.prepare(spec, {.q_len = 8, .kv_len = 8}, background); }),
            "invalid: a deterministic spec in background mode: its bits would change when its own kernels are done; "
            "prepare it blocking, or set deterministic and batch_invariant to false");
  spec.deterministic = false;
  spec.batch_invariant = true;
  EXPECT_THAT(refusal([&] { engine.prepare(spec, {.q_len = 8, .kv_len = 8}, background); }),
              HasSubstr("batch_invariant"));
}

TEST_F(BackgroundMode, AnEngineThatGoesSettlesItsPlans) {
  std::optional<Plan> started, queued;
  {
    Engine engine(slow, costModel(), cache());
    engine.prepare(free(), {.q_len = 1, .kv_len = 1}, pinned(general, PrepareMode::Blocking));
    slow->held = true;
    const Problem problem{.q_len = 20, .kv_len = 300};
    started = engine.prepare(free(), problem, pinned(special, PrepareMode::Background));
    queued =
        engine.prepare(free(), problem,
                       pinned("q_tile=64 kv_tile=16 warps=4 stages=1 pack_gqa=0 split_kv=0", PrepareMode::Background));
    slow->released.count_down();
  }
  started->wait(), queued->wait();
  Engine other(slow, costModel(), cache());
  for (const Plan& plan : {*started, *queued}) {
    const Launchable tensors(slow, free(), 1, 20, 300);
    other.launch(plan, tensors.tensors());
    EXPECT_TRUE(tensors.right());
  }
}

// For the thread sanitizer: launches on many threads while the switch happens.
TEST_F(BackgroundMode, ManyThreadsLaunchAcrossTheSwitch) {
  Engine engine(slow, costModel(), cache());
  engine.prepare(free(), {.q_len = 1, .kv_len = 1}, pinned(general, PrepareMode::Blocking));
  constexpr int count = 6;
  std::atomic<int> right = 0, launched = 0;
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < count; ++n)
      threads.emplace_back([&] {
        const Launchable tensors(slow, free(), 1, 3, 70);
        const Plan plan = engine.prepare(free(), {.q_len = 3, .kv_len = 70}, pinned(special, PrepareMode::Background));
        bool done = false;
        do {
          done = plan.specialized();
          engine.launch(plan, tensors.tensors());
          ++launched, right += tensors.right();
          static_cast<void>(plan.splits()), static_cast<void>(plan.kernels().size());
        } while (!done);
      });
  }
  EXPECT_EQ(right, launched);
  EXPECT_GE(launched, count);
  EXPECT_EQ(engine.cacheCounters().compiles, 3U) << "one general kernel, one partial, one combine";
}

TEST(Background, FinishesWhatItHasBegunAndSettlesTheRest) {
  std::vector<int> worked; // by its thread alone
  std::atomic<int> settled = 0;
  std::latch started{1}, go{1};
  std::jthread later;
  {
    Background thread;
    for (int n = 0; n < 4; ++n)
      thread.add({[&, n] {
                    worked.push_back(n);
                    if (n == 1) {
                      started.count_down();
                      go.wait();
                    }
                  },
                  [&] { ++settled; }});
    started.wait();
    EXPECT_EQ(settled, 1);
    later = std::jthread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20)); // the destructor has begun by then
      go.count_down();
    });
  }
  EXPECT_THAT(worked, ElementsAre(0, 1));
  EXPECT_EQ(settled, 4);
}

} // namespace
} // namespace attune
