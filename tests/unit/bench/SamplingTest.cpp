#include "autotune/bench/Sampling.h"
#include "autotune/bench/Cases.h"
#include "autotune/measure/Inputs.h"

#include "attune/attune.hpp"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace attune::bench {
namespace {

/// A device whose clock is the test's: a turn takes what it says, and the first replay of a graph ten times that.
class Clocked final : public Device {
public:
  struct Event : DeviceEvent {
    double at = 0;
  };
  struct Graph : DeviceGraph {
    int turns = 0;
    mutable bool is_cold = true;
  };

  const DeviceProperties& properties() const override { return properties_; }
  DevicePtr allocate(std::size_t, std::string_view) override { return 0; }
  void release(DevicePtr) noexcept override {}
  void copyToDevice(DevicePtr, std::span<const std::byte>) override {}
  void copyToHost(std::span<std::byte>, DevicePtr) override {}
  std::shared_ptr<DeviceKernel> load(const Image&, std::string_view) override { return nullptr; }
  TensorMap encode(const TiledTensor&) override { return {}; }
  void launch(const DeviceKernel&, const LaunchConfig&, std::span<void* const>, void*) override {}
  void synchronize() override {}

  std::shared_ptr<DeviceEvent> record(void*) override {
    auto event = std::make_shared<Event>();
    event->at = now;
    return event;
  }
  double microseconds(const DeviceEvent& from, const DeviceEvent& to) override {
    return dynamic_cast<const Event&>(to).at - dynamic_cast<const Event&>(from).at;
  }
  std::shared_ptr<DeviceGraph> capture(const std::function<void(void*)>& work) override {
    auto graph = std::make_shared<Graph>();
    captured = 0;
    work(this);
    graph->turns = captured;
    largest = std::max(largest, captured);
    return graph;
  }
  void replay(const DeviceGraph& graph, void*) override {
    const auto& g = dynamic_cast<const Graph&>(graph);
    now += turn_us * g.turns * (g.is_cold ? 10 : 1);
    g.is_cold = false;
  }

  double now = 0, turn_us = 0;
  int captured = 0, largest = 0;

private:
  DeviceProperties properties_;
};

TEST(OnDevice, CapturesEnoughTurnsAndLeavesTheFirstReplayOut) {
  for (const double us : {0.8, 5.0, 300.0, 9000.0}) {
    Clocked device;
    device.turn_us = us;
    int busy = 0;
    const Measurement m = onDevice(device, 4, [&](void*) { ++device.captured; }, [&] { ++busy; });
    EXPECT_DOUBLE_EQ(m.value, us);
    EXPECT_EQ(m.samples, 4);
    EXPECT_EQ(busy, 1);
    EXPECT_GE(device.largest * us, std::min(2000.0, 1000 * us) * 0.999);
  }
}

TEST(OnDevice, ASampleTouchesEveryTensor) {
  Clocked device;
  device.turn_us = 900; // 3 turns would be enough
  onDevice(device, 2, [&](void*) { ++device.captured; }, {}, 2000, 16);
  EXPECT_EQ(device.largest, 16);
  device.turn_us = 10; // 200 turns
  onDevice(device, 2, [&](void*) { ++device.captured; }, {}, 2000, 75);
  EXPECT_EQ(device.largest, 225);
}

TEST(ColdSets, AreMoreThanL2) {
  DeviceProperties device;
  device.l2_bytes = 50 << 20, device.memory_bytes = std::size_t{80} << 30;
  for (const Case& c : casesOf("decode"))
    EXPECT_GE(static_cast<double>(autotune::coldSets(static_cast<std::size_t>(bytes(c)), device)) * bytes(c),
              3.0 * (50 << 20))
        << c.name;
  EXPECT_EQ(autotune::coldSets(std::size_t{40} << 30, device), 1u);
  device.l2_bytes = std::size_t{60} << 30; // more than the memory has room for
  EXPECT_EQ(autotune::coldSets(std::size_t{1} << 30, device), 20u);
}

TEST(OnDevice, TheEmulatedDeviceHasNoClock) {
  EXPECT_THROW(onDevice(*openDevice("emulated"), 1, [](void*) {}), DeviceError);
}

TEST(OnHost, IsTheTimeOfOneCall) {
  const auto nap = [] { std::this_thread::sleep_for(std::chrono::milliseconds(3)); };
  int prepared = 0;
  EXPECT_GE(onHost(3, nap).value, 3.0);
  EXPECT_GE(onHost(3, nap, [&] { ++prepared; }).value, 3.0);
  EXPECT_EQ(prepared, 3);
}

TEST(Measurements, ScaleAndTurnIntoRates) {
  const Measurement m = summary({4, 2, 3});
  EXPECT_EQ(m.value, 3);
  EXPECT_EQ(m.samples, 3);
  EXPECT_EQ(scaled(m, 1000).value, 3000);
  EXPECT_EQ(scaled(m, 1000).spread, m.spread);
  EXPECT_EQ(rate(m, 12).value, 4);
}

} // namespace
} // namespace attune::bench
