// The front door: prepare and launch, from many threads, after failures, and what launch refuses.
#include "tests/unit/runtime/engine/Fixture.h"

#include "attune/compiler/DefaultSchedule.h"

#include <atomic>
#include <latch>
#include <thread>

namespace attune {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(EngineTest, ManyThreadsCompileOneKernelOnce) {
  Engine engine(device, costModel(), cache());
  constexpr int count = 6;
  std::latch start(count);
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < count; ++n)
      threads.emplace_back([&, n] { // two specs, and shapes of their own
        const AttentionSpec spec = small(n % 2 ? 16 : 32);
        const Launchable tensors(device, spec, 1, 20 + n, 40);
        start.arrive_and_wait();
        const Plan plan = engine.prepare(spec, {.batch = 1, .q_len = 20 + n, .kv_len = 40}, {.splits = 1});
        engine.launch(plan, tensors.tensors());
        right += tensors.right();
      });
  }
  EXPECT_EQ(right, count);
  const CacheCounters counters = engine.cacheCounters();
  EXPECT_EQ(counters.compiles, 2U);
  EXPECT_EQ(counters.loads, 0U);
  EXPECT_EQ(counters.hits + counters.waits, 4U) << "the other four";
}

TEST_F(EngineTest, AShorterLaunchThanPrepared) {
  Engine engine(device, costModel(), cache());
  const AttentionSpec spec = small();
  for (const int splits : {1, 3}) {
    const Plan plan = engine.prepare(spec, {.batch = 1, .q_len = 70, .kv_len = 300}, {.splits = splits});
    for (const auto& [q_len, kv_len] : {std::pair{70, 300}, {1, 300}, {70, 70}, {5, 64}, {1, 1}}) {
      const Launchable tensors(device, spec, 1, q_len, kv_len);
      engine.launch(plan, tensors.tensors());
      EXPECT_TRUE(tensors.right()) << splits << " splits, " << q_len << " x " << kv_len;
    }
  }
}

TEST_F(EngineTest, AMuchShorterLaunchThanPrepared) { // blocks of the plan's queries would look for keys beyond the end
  Engine engine(device, costModel(), cache());
  const AttentionSpec spec = small(64);
  for (const int splits : {1, 2}) {
    const Plan plan = engine.prepare(spec, {.batch = 1, .q_len = 1024, .kv_len = 1024}, {.splits = splits});
    for (const auto& [q_len, kv_len] : {std::pair{128, 128}, {100, 1000}, {0, 0}}) {
      const Launchable tensors(device, spec, 1, q_len, kv_len);
      engine.launch(plan, tensors.tensors());
      EXPECT_TRUE(tensors.right()) << splits << " splits, " << q_len << " x " << kv_len;
    }
  }
}

TEST_F(EngineTest, AnEmptyPlanIsRefused) {
  Engine engine(device, costModel(), cache());
  const std::string refused = "invalid: an empty plan: Engine::prepare makes those that can be used; prepare it first";
  EXPECT_EQ(refusal([] { return Plan().splits(); }), refused);
  EXPECT_EQ(refusal([&] { engine.launch(Plan(), {}); }), refused);
}

TEST_F(EngineTest, AFailedPrepareLeavesTheEngineAsItWas) {
  Engine engine(device, costModel(), cache());
  AttentionSpec wrong = small();
  wrong.head_dim = 12;
  EXPECT_THROW(engine.prepare(wrong, {.q_len = 8, .kv_len = 8}), UserError);
  EXPECT_THROW(engine.prepare(small(), {.q_len = -1, .kv_len = 8}), UserError);
  EXPECT_THROW(engine.prepare(small(), {.q_len = 8, .kv_len = 8}, {.schedule = Schedule{.q_tile = 7}}), UserError);
  EXPECT_THROW(engine.prepare(small(), {.q_len = 8, .kv_len = 8}, {.splits = -2}), UserError);
  EXPECT_THROW(engine.prepare(small(), {.q_len = 8, .kv_len = 8}, {.mode = PrepareMode::CacheOnly}), CacheMiss);
  const Launchable tensors(device, small(), 1, 8, 8);
  engine.launch(engine.prepare(small(), {.q_len = 8, .kv_len = 8}), tensors.tensors());
  EXPECT_TRUE(tensors.right());
}

TEST_F(EngineTest, APlanOutlivesItsEngine) {
  const Launchable tensors(device, small(), 1, 8, 8);
  std::optional<Plan> plan;
  {
    Engine engine(device, costModel(), cache());
    plan = engine.prepare(small(), {.q_len = 8, .kv_len = 8});
  }
  Engine other(device, costModel(), cache());
  other.launch(*plan, tensors.tensors());
  EXPECT_TRUE(tensors.right());
  EXPECT_EQ(plan->kernels().size(), static_cast<std::size_t>(plan->splits() > 1 ? 2 : 1));
}

TEST_F(EngineTest, APlanSaysHowManyStagesItsKernelHas) {
  Engine engine(device, costModel(), cache());
  Schedule deep = scheduleFromText("q_tile=64 kv_tile=64 warps=4 stages=8 pack_gqa=0 split_kv=0");
  const Plan plan = engine.prepare(small(256), {.q_len = 64, .kv_len = 64}, {.schedule = deep});
  deep.stages = plan.schedule().stages;
  EXPECT_LT(deep.stages, 8) << "they do not fit";
  EXPECT_EQ(sharedBytes(small(256), deep), plan.kernels().at(0).shared_bytes);
}

TEST_F(EngineTest, ZeroQueriesAreNoLaunch) {
  Engine engine(device, costModel(), cache());
  const Plan plan = engine.prepare(small(), {.q_len = 0, .kv_len = 8});
  const Launchable tensors(device, small(), 1, 0, 8);
  engine.launch(plan, tensors.tensors());
}

// Steps of a server: the plan is for as many rows as there may be.
TEST_F(EngineTest, APlanServesFewerPackedRows) {
  AttentionSpec spec = small();
  spec.varlen = true;
  Engine engine(device, costModel(), cache());
  for (const int splits : {1, 2}) {
    const Plan plan = engine.prepare(spec, {.batch = 2, .q_len = 8, .kv_len = 200, .q_total = 16}, {.splits = splits});
    for (const std::int64_t rows : {16, 11}) {
      const auto words = [&](const char* name, std::vector<std::int64_t> shape, std::uint16_t bits) {
        std::vector<std::uint16_t> host(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]), bits);
        return std::make_unique<Buffer>(device, Element::BF16, std::move(shape), std::as_bytes(std::span(host)), name);
      };
      const auto offsets = [&](const char* name, std::int32_t first, std::int32_t all) {
        const std::int32_t host[] = {0, first, all};
        return std::make_unique<Buffer>(device, Element::I32, std::vector<std::int64_t>{3},
                                        std::as_bytes(std::span(host)), name);
      };
      const auto q = words("q", {rows, 2, 16}, 0x3c00), k = words("k", {300, 1, 16}, 0x3c00),
                 v = words("v", {300, 1, 16}, 0x3f80), o = words("o", {rows, 2, 16}, 0);
      const Buffer lse(device, Element::F32, {2, rows}, "lse");
      const auto q_offsets = offsets("cu_seqlens_q", 8, static_cast<std::int32_t>(rows)),
                 k_offsets = offsets("cu_seqlens_k", 200, 300);
      engine.launch(
          plan,
          {.q = *q, .k = *k, .v = *v, .o = *o, .lse = lse, .cu_seqlens_q = *q_offsets, .cu_seqlens_k = *k_offsets});
      std::vector<std::uint16_t> result(o->bytes() / 2);
      o->copyTo(std::as_writable_bytes(std::span(result)));
      EXPECT_TRUE(std::ranges::all_of(result, [](std::uint16_t bits) { return bits == 0x3f80; }))
          << rows << " rows in " << plan.splits() << " chunks";
    }
  }
}

/// What launch() says of tensors that are not what the plan was made for.
class Refusals : public EngineTest {
protected:
  std::string with(const std::function<void(Tensors&)>& change) {
    Tensors tensors = launchable.tensors();
    change(tensors);
    return refusal([&] { engine.launch(plan, tensors); });
  }
  Engine engine{device, costModel(), cache()};
  Plan plan = engine.prepare(small(), {.batch = 2, .q_len = 8, .kv_len = 16}, {.splits = 1});
  Launchable launchable{device, small(), 2, 8, 16};
};

TEST_F(Refusals, NothingIfAllIsWell) {
  EXPECT_THAT(with([](Tensors&) {}), IsEmpty());
}

TEST_F(Refusals, OutputsThatOverlap) {
  const auto o_strides = [&](std::vector<std::int64_t> strides) {
    return with([&](Tensors& t) { t.o.strides = std::move(strides); });
  };
  const char* const rule = "elements of an output do not overlap";
  EXPECT_THAT(o_strides({0, 32, 16, 1}),
              AllOf(HasSubstr("o of shape (2, 8, 2, 16) with strides (0, 32, 16, 1)"), HasSubstr(rule)));
  EXPECT_THAT(o_strides({256, 16, 16, 1}), HasSubstr(rule)) << "heads on top of rows";
  EXPECT_THAT(o_strides({128, 32, 16, 1}), HasSubstr(rule)) << "half a batch entry apart";
  EXPECT_THAT(o_strides({256, -32, 16, 1}), HasSubstr("0 or positive"));
  EXPECT_THAT(o_strides({256, 32, 8, 1}), HasSubstr(rule));
  EXPECT_THAT(o_strides({16, 32, 256, 1}), IsEmpty()) << "in another order, but apart";
  EXPECT_THAT(with([](Tensors& t) { t.lse.strides = {0, 8, 1}; }), AllOf(HasSubstr("lse"), HasSubstr(rule)));
  EXPECT_THAT(with([](Tensors& t) { t.k.strides = {0, 16, 16, 1}; }), IsEmpty()) << "an input may be broadcast";
}

TEST_F(Refusals, AddressesThatAreNotAligned) {
  EXPECT_THAT(with([](Tensors& t) { t.q.data += 8; }), AllOf(HasSubstr("q at address"), HasSubstr("16 bytes")));
  EXPECT_THAT(with([](Tensors& t) { t.lse.data += 2; }), AllOf(HasSubstr("lse at address"), HasSubstr("4 bytes")));
  EXPECT_THAT(with([](Tensors& t) { t.o.data = 0; }), HasSubstr("no o: the spec calls for it"));
  EXPECT_THAT(with([](Tensors& t) { t.o = {}; }), HasSubstr("no o: the spec calls for it")); // not "o of fp32"
}

TEST_F(Refusals, TensorsThatWereForgotten) {
  EXPECT_EQ(with([](Tensors& t) { t.q = {}; }), "invalid: no q: the spec calls for it; pass it to launch");
  EXPECT_THAT(with([](Tensors& t) { t.k = {}; }), HasSubstr("no k: "));
  EXPECT_THAT(with([](Tensors& t) { t.v = {}; }), HasSubstr("no v: "));
  EXPECT_THAT(with([](Tensors& t) { t.o = {}; }), HasSubstr("no o: "));
  EXPECT_THAT(with([](Tensors& t) { t.lse = {}; }), HasSubstr("no lse: "));
}

TEST_F(Refusals, ShapesAndStrides) {
  EXPECT_THAT(with([](Tensors& t) { t.q.shape = {2, 9, 2, 16}; }), HasSubstr("the plan was prepared for at most 8"));
  EXPECT_THAT(with([](Tensors& t) { t.k.shape = {2, 17, 1, 16}; }), HasSubstr("the plan was prepared for at most 16"));
  EXPECT_THAT(with([](Tensors& t) { t.v.shape = {2, 15, 1, 16}; }), HasSubstr("its shape must be (2, 16, 1, 16)"));
  EXPECT_THAT(with([](Tensors& t) { t.q.shape = {1, 8, 2, 16}; }), HasSubstr("its shape must be (2, 8, 2, 16)"));
  EXPECT_THAT(with([](Tensors& t) { t.q.shape = {8, 2, 16}; }), HasSubstr("it is (batch, length, heads, head_dim)"));
  EXPECT_THAT(with([](Tensors& t) { t.lse.shape = {2, 8, 2}; }), HasSubstr("its shape must be (2, 2, 8)"));
  EXPECT_THAT(with([](Tensors& t) { t.q.strides = {32, 16, 1}; }), HasSubstr("one stride per dimension"));
  EXPECT_THAT(with([](Tensors& t) { t.q.strides = {256, 32, 16, 2}; }), HasSubstr("elements of a head are contiguous"));
  EXPECT_THAT(with([](Tensors& t) { t.q.strides = {260, 32, 16, 1}; }), HasSubstr("multiples of 8"));
  EXPECT_THAT(with([](Tensors& t) { t.q.strides = {256, -32, 16, 1}; }), HasSubstr("0 or positive"));
  EXPECT_THAT(with([](Tensors& t) { t.q.shape = {2, -8, 2, 16}; }), HasSubstr("no extent is negative"));
}

TEST_F(Refusals, BuffersOfNoSize) {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{2, -1}, {std::int64_t{1} << 40, std::int64_t{1} << 40}, {0, -1}})
    EXPECT_THAT(refusal([&] { const Buffer buffer(device, Element::BF16, shape, "mine"); }),
                HasSubstr("mine of shape ("));
  EXPECT_EQ(refusal([&] { const Buffer buffer(device, Element::BF16, {0, 7}, "empty"); }), "");
}

TEST_F(Refusals, OffsetsThatAreNone) {
  const auto offsets = [](std::vector<std::int32_t> values) { return refusal([&] { checkOffsets("cu", values, 9); }); };
  EXPECT_EQ(offsets({0, 4, 4, 9}), "");
  EXPECT_THAT(offsets({}), HasSubstr("cu without entries"));
  EXPECT_THAT(offsets({1, 9}), HasSubstr("cu[0] = 1"));
  EXPECT_THAT(offsets({0, 5, 4, 9}), HasSubstr("cu[2] = 4 after 5"));
  EXPECT_THAT(offsets({0, 8}), HasSubstr("cu ends at 8"));
}

TEST_F(Refusals, ElementsOfAnotherType) {
  EXPECT_THAT(with([](Tensors& t) { t.k.element = Element::F16; }), HasSubstr("k of fp16: it must be bf16 here"));
  EXPECT_THAT(with([](Tensors& t) { t.lse.element = Element::BF16; }), HasSubstr("lse of bf16: it must be fp32 here"));
}

TEST_F(Refusals, BuffersAndPlansOfAnotherDevice) {
  const std::shared_ptr<Device> other = emulator::makeEmulatedDevice({.target = "sm_90"});
  const Buffer elsewhere(other, Element::BF16, {2, 8, 2, 16}, "q");
  EXPECT_THAT(with([&](Tensors& t) { t.q = elsewhere; }),
              AllOf(HasSubstr("q on emulated sm_90"), HasSubstr("copy it")));
  Engine engine_there(other, costModel(), cache());
  EXPECT_THAT(refusal([&] { engine_there.launch(plan, launchable.tensors()); }),
              AllOf(HasSubstr("a plan for emulated sm_80"), HasSubstr("engine of its own device")));
}

} // namespace
} // namespace attune
