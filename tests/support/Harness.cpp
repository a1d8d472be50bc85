#include "tests/support/Harness.h"

#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/support/FewMultiprocessors.h"
#include "runtime/toolchain/Toolchain.h"

#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace attune::test {

namespace {

/// A device, which writes counters down and swaps the images of kernels whose text a mutation changes.
class HarnessDevice final : public ForwardingDevice {
public:
  using ForwardingDevice::ForwardingDevice;

  std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view kernel_name) override {
    const auto kernel = ForwardingDevice::load(image, kernel_name);
    loaded_.emplace_back(std::string(kernel_name), kernel);
    return kernel;
  }
  void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments,
              void* stream) override {
    const DeviceKernel* chosen = &kernel;
    for (const auto& [original, other] : replaced_)
      if (original == &kernel)
        chosen = other.get();
    ForwardingDevice::launch(*chosen, config, arguments, stream);
    counters_of_launches.push_back(counters());
  }

  void replace(const std::string& name, const std::string& cuda) {
    // a driver older than NVRTC takes cubins, and not its PTX
    const Image::Kind kind = properties().emulated ? Image::Kind::Ptx : Image::Kind::Cubin;
    const auto build = Toolchain::shared()->build(cuda, properties().arch, kind, name);
    for (const auto& [loaded, kernel] : loaded_)
      if (loaded == name)
        replaced_.emplace_back(kernel.get(), ForwardingDevice::load(build.image, name));
  }

  std::vector<Counters> counters_of_launches;

private:
  std::vector<std::pair<std::string, std::shared_ptr<DeviceKernel>>> loaded_;
  std::vector<std::pair<const DeviceKernel*, std::shared_ptr<DeviceKernel>>> replaced_;
};

const char* deviceName() { return std::getenv("ATTUNE_TEST_DEVICE"); }

/// The GPU that ATTUNE_TEST_DEVICE names, one for the process; else an emulated device of the case's own.
std::shared_ptr<Device> deviceOf(const Case& c) {
  if (!onGpu())
    return emulator::makeEmulatedDevice({.target = testTarget(),
                                         .seed = c.seed + c.reseed,
                                         .random_landing = c.random_landing,
                                         .check_races = c.check_races});
  static const std::shared_ptr<Device> gpu = openDevice(deviceName());
  return gpu;
}

} // namespace

bool onGpu() { return deviceName() != nullptr && !std::string_view(deviceName()).starts_with("emulated"); }

reference::Tensors tensorsOf(const Case& c) { return reference::randomTensors(c.spec, c.lengths, c.seed); }

Result run(const Case& c, const reference::Tensors& tensors, const Mutation& mutation) {
  return runOn(deviceOf(c), c, tensors, mutation);
}

Result runOn(const std::shared_ptr<Device>& on, const Case& c, const reference::Tensors& tensors,
             const Mutation& mutation) {
  const auto device = std::make_shared<HarnessDevice>(
      c.multiprocessors ? std::make_shared<FewMultiprocessors>(on, c.multiprocessors) : on);
  Engine engine(device, costModel());
  const Plan plan =
      engine.prepare(c.spec, reference::problemOf(c.lengths), {.schedule = c.schedule, .splits = c.splits});
  if (mutation)
    for (const PlannedKernel& kernel : plan.kernels())
      if (const std::string text = mutation(kernel.name, kernel.cuda); text != kernel.cuda)
        device->replace(kernel.name, text);
  const reference::DeviceTensors on_device(device, c.spec, c.lengths, tensors);
  engine.launch(plan, on_device.tensors());
  device->synchronize();
  return {on_device.o(), on_device.lse(), on_device.gapsUntouched(),
          plan.splits(), plan.schedule(), device->counters_of_launches};
}

Expected expectedOf(const Case& c, const reference::Tensors& tensors) {
  return {reference::forward(c.spec, c.lengths, tensors), reference::plainForward(c.spec, c.lengths, tensors)};
}

std::string failure(const Case& c, const reference::Tensors& tensors, const Expected& expected) {
  const Result result = run(c, tensors);
  const reference::Comparison comparison =
      reference::compare(c.spec, expected.exact, expected.plain, result.o, result.lse);
  if (!comparison.ok)
    return comparison.message + "\n" + describe(c) + "\nschedule " + toText(result.schedule) +
           fmt::format(", splits {}", result.splits);
  return result.gaps_untouched ? "" : "a gap between rows of O was written\n" + describe(c);
}

std::string failure(const Case& c, const reference::Tensors& tensors) {
  return failure(c, tensors, expectedOf(c, tensors));
}

std::string failure(const Case& c) { return failure(c, tensorsOf(c)); }

std::string describe(const Case& c) {
  return fmt::format("{} on {}\ncu_seqlens_q {} cu_seqlens_k {} splits {} seed {} + {} {}", specToJson(c.spec),
                     testTarget(), c.lengths.cu_seqlens_q, c.lengths.cu_seqlens_k, c.splits, c.seed, c.reseed,
                     c.random_landing ? "random landing" : "latest landing");
}

AttentionSpec gqaSpec(int head_dim, int head_dim_v) {
  AttentionSpec spec{
      .q_heads = 4, .kv_heads = 2, .head_dim = head_dim, .head_dim_v = head_dim_v ? head_dim_v : head_dim};
  return spec;
}

} // namespace attune::test
