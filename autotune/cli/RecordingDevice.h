#pragma once

#include "runtime/support/ForwardingDevice.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace attune::cli {

/// Another device, with the counters of each launch written down: a plan may launch several kernels.
class RecordingDevice final : public ForwardingDevice {
public:
  using ForwardingDevice::ForwardingDevice;

  std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view kernel_name) override {
    std::shared_ptr<DeviceKernel> kernel = ForwardingDevice::load(image, kernel_name);
    names_[kernel.get()] = kernel_name;
    return kernel;
  }
  void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments,
              void* stream) override {
    ForwardingDevice::launch(kernel, config, arguments, stream);
    if (properties().emulated)
      launches.emplace_back(names_.at(&kernel), counters());
  }

  std::vector<std::pair<std::string, Counters>> launches;

private:
  std::map<const DeviceKernel*, std::string> names_;
};

} // namespace attune::cli
