// Launches inside a graph capture of the host's, of the strict, global mode that hosts use: what launch() may call, and
// what the engine may do beside it on this and other threads. The fake driver knows which calls ruin a capture.
#include "tests/unit/runtime/cuda/Fixture.h"

#include "attune/attune.hpp"
#include "runtime/cuda/Kernel.h"

namespace attune::cuda {
namespace {

using testing::Each;

class GraphCapture : public FakeGpus {
protected:
  GraphCapture() {
    for (const char* name : {"attention_forward", "attention_partial", "attention_combine"})
      gpu.kernels[name] = {};
  }
  void SetUp() override {
    FakeGpus::SetUp();
    driver = loadDriver();
    Context context = nullptr;
    ASSERT_EQ(driver->cuDevicePrimaryCtxRetain(&context, 0), Success);
    const Current current(*driver, context, "test");
    ASSERT_EQ(driver->cuStreamCreate(&stream, 1), Success);
    device = openDevice("cuda:0");
  }
  void TearDown() override {
    driver->cuStreamDestroy_v2(stream);
    driver->cuDevicePrimaryCtxRelease_v2(0);
    device.reset();
    FakeGpus::TearDown();
  }
  /// What the host's capture ends with: 0, or 901 if somebody ruined it.
  Result captured(const std::function<void()>& work) {
    EXPECT_EQ(driver->cuStreamBeginCapture_v2(stream, 0), Success);
    work();
    launches = gpu.capture ? gpu.capture->launches : -1;
    Graph graph = nullptr;
    const Result result = driver->cuStreamEndCapture(stream, &graph);
    if (result == Success)
      driver->cuGraphDestroy(graph);
    return result;
  }

  struct Attention {
    explicit Attention(const std::shared_ptr<Device>& d)
        : q(d, Element::BF16, {1, 1, 8, 128}, "q"), k(d, Element::BF16, {1, 4096, 2, 128}, "k"),
          v(d, Element::BF16, {1, 4096, 2, 128}, "v"), o(d, Element::BF16, {1, 1, 8, 128}, "o"),
          lse(d, Element::F32, {1, 8, 1}, "lse") {}
    operator Tensors() const { return {.q = q, .k = k, .v = v, .o = o, .lse = lse}; }
    Buffer q, k, v, o, lse;
  };
  const AttentionSpec spec{.q_heads = 8, .kv_heads = 2, .head_dim = 128, .deterministic = false};
  const Problem decode{.batch = 1, .q_len = 1, .kv_len = 4096};
  const CacheOptions nowhere{.folder = ""};

  std::shared_ptr<const Driver> driver;
  std::shared_ptr<Device> device;
  Stream stream = nullptr;
  int launches = 0;
};

TEST_F(GraphCapture, LaunchMakesNoCallThatACaptureForbids) {
  Engine engine(device, costModel(), nowhere);
  const Attention tensors(device);
  for (const int splits : {1, 4}) {
    const Plan plan = engine.prepare(spec, decode, {.splits = splits});
    ASSERT_TRUE(plan.schedule().warp_specialized) << "with tensor maps";
    std::size_t before = 0;
    EXPECT_EQ(captured([&] {
                before = gpu.calls.size();
                engine.launch(plan, tensors, stream);
              }),
              Success);
    EXPECT_EQ(launches, splits > 1 ? 2 : 1);
    std::vector<std::string> made = calls(before);
    made.resize(made.size() - 2); // the end of the capture
    EXPECT_THAT(made, Each(testing::AnyOf("cuTensorMapEncodeTiled", "cuLaunchKernelEx")));
  }
}

TEST_F(GraphCapture, WhatTheEngineLoadsInTheBackgroundDoesNotRuinIt) {
  Engine engine(device, costModel(), nowhere);
  const Attention tensors(device);
  const Schedule general = engine.prepare(spec, decode, {.splits = 1}).schedule();
  Schedule special = general;
  special.split_kv = true;
  EXPECT_EQ(captured([&] {
              const Plan plan = engine.prepare(spec, decode, {.schedule = special, .mode = PrepareMode::Background});
              EXPECT_FALSE(plan.specialized());
              engine.launch(plan, tensors, stream);
              plan.wait(); // loaded on another thread, while this one captures
              EXPECT_TRUE(plan.specialized());
              engine.launch(plan, tensors, stream);
            }), // and the plan gives its workspace back
            Success);
  EXPECT_EQ(launches, 1 + 2);
}

TEST_F(GraphCapture, TheFakeDriverKnowsWhatRuinsACapture) { // or the tests above could not fail
  Engine engine(device, costModel(), nowhere);
  EXPECT_EQ(captured([&] { EXPECT_THROW(device->synchronize(), DeviceError); }), 901);
  EXPECT_EQ(captured([&] {
              const Current current(*driver, reinterpret_cast<Context>(std::uintptr_t{1}), "test");
              std::uint64_t pointer = 0;
              EXPECT_EQ(driver->cuMemAlloc_v2(&pointer, 16), 900) << "without the engine's guard";
            }),
            901);
  const Attention tensors(device);
  const Plan plan = engine.prepare(spec, decode, {.splits = 1});
  EXPECT_EQ(captured([&] { EXPECT_THROW(engine.launch(plan, tensors), DeviceError) << "on the legacy stream"; }), 901);
}

} // namespace
} // namespace attune::cuda
