// What the timer does around a measurement, seen on the emulated device with a stopwatch of our own: nothing here is a
// time.
#include "autotune/measure/DeviceTimer.h"

#include "runtime/support/ForwardingDevice.h"
#include "tests/support/Harness.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

namespace attune::autotune {
namespace {

/// The emulated device, with its launches written down, and on request with a bit of O turned over.
class Watched final : public ForwardingDevice {
public:
  explicit Watched(std::size_t l2_bytes)
      : ForwardingDevice(openDevice("emulated")), properties_(ForwardingDevice::properties()) {
    properties_.l2_bytes = l2_bytes;
  }
  const DeviceProperties& properties() const override { return properties_; }
  void copyToHost(std::span<std::byte> to, DevicePtr from) override {
    ForwardingDevice::copyToHost(to, from);
    if (corrupt && !to.empty())
      to[to.size() / 2 + 1] ^= std::byte{0x40}; // an exponent
  }
  void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments,
              void* stream) override {
    DevicePtr q = 0;
    std::memcpy(&q, arguments[0], sizeof q); // gl<T> begins with its pointer
    launched.push_back(q);
    ForwardingDevice::launch(kernel, config, arguments, stream);
  }

  bool corrupt = false;
  std::vector<DevicePtr> launched; ///< the address of Q

private:
  DeviceProperties properties_;
};

const AttentionSpec spec = test::gqaSpec(64);
const Problem problem{.batch = 1, .q_len = 16, .kv_len = 64, .q_total = 16};
const Candidate candidate{scheduleFromText("q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=0 split_kv=0"), 1};

TEST(DeviceTimer, VerifiesOnceWarmsUpAndRotates) {
  const std::size_t bytes = bytesOf(spec, problem);
  EXPECT_EQ(bytes, 2u * 128 * (16 * 4 + 64 * 2));
  const auto device = std::make_shared<Watched>(bytes); // three sets pass by before the first comes again
  std::vector<std::size_t> timed;                       // launches of each stopwatch reading
  DeviceTimer timer(device, spec, problem, {.warm_ups = 2}, [&](const std::function<void()>& work) {
    const std::size_t before = device->launched.size();
    work();
    timed.push_back(device->launched.size() - before);
    return 50.0 * static_cast<double>(timed.back());
  });
  EXPECT_EQ(timer.buffers(), 4u);
  const std::vector<double> us = timer.time(candidate, 3);
  EXPECT_EQ(us, std::vector<double>(3, 50.0));              // per launch
  EXPECT_EQ(timed, (std::vector<std::size_t>{1, 4, 4, 4})); // 200 us make a sample
  ASSERT_EQ(device->launched.size(), 1u + 2 + 13);          // verified, warmed up, timed
  std::map<DevicePtr, int> used;
  for (std::size_t n = 1; n < device->launched.size(); ++n) {
    ++used[device->launched[n]];
    EXPECT_NE(device->launched[n], device->launched[n - 1]) << "the same tensors twice in a row: they are in L2";
  }
  EXPECT_EQ(used.size(), 4u);

  const std::size_t before = device->launched.size();
  timer.time(candidate, 1);
  EXPECT_EQ(device->launched.size(), before + 2 + 5); // not verified again
}

TEST(DeviceTimer, AWrongKernelIsNotTimed) {
  const auto device = std::make_shared<Watched>(0);
  int readings = 0;
  DeviceTimer timer(device, spec, problem, {}, [&](const std::function<void()>& work) {
    work();
    ++readings;
    return 1.0;
  });
  device->corrupt = true;
  EXPECT_THROW(timer.time(candidate, 3), DeviceError);
  EXPECT_EQ(readings, 0);
  device->corrupt = false;
  EXPECT_EQ(timer.time(candidate, 3).size(), 3u);
}

TEST(DeviceTimer, TheEmulatedDeviceHasNoTimes) {
  const std::shared_ptr<Device> device = openDevice("emulated");
  EXPECT_THROW(eventStopwatch(device)([] {}), DeviceError);
}

TEST(DeviceTimer, TensorsOfEveryKindOfSpec) {
  for (const auto change :
       {+[](AttentionSpec& s) { s.layout = Layout::Bhsd; }, +[](AttentionSpec& s) { s.varlen = true; },
        +[](AttentionSpec& s) { s.alibi = Alibi::PerBatchHead; },
        +[](AttentionSpec& s) { s.alibi = Alibi::PerHead, s.sink = true, s.lse = false; }}) {
    AttentionSpec changed = spec;
    change(changed);
    const Problem two{.batch = 2, .q_len = 16, .kv_len = 48, .q_total = 32};
    const auto device = std::make_shared<Watched>(0);
    DeviceTimer timer(device, changed, two, {}, [](const std::function<void()>& work) {
      work();
      return 300.0;
    });
    EXPECT_EQ(timer.time(candidate, 1).size(), 1u) << specToJson(changed);
  }
}

} // namespace
} // namespace attune::autotune
