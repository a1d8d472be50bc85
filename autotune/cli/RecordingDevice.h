#pragma once

#include "attune/Device.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace attune::cli {

/// Another device, with the counters of each launch written down: a plan may launch several kernels.
class RecordingDevice : public Device {
public:
  explicit RecordingDevice(std::shared_ptr<Device> device) : device_(std::move(device)) {}

  const DeviceProperties& properties() const override { return device_->properties(); }
  DevicePtr allocate(std::size_t bytes, std::string_view name) override { return device_->allocate(bytes, name); }
  void release(DevicePtr pointer) noexcept override { device_->release(pointer); }
  void copyToDevice(DevicePtr destination, std::span<const std::byte> source) override {
    device_->copyToDevice(destination, source);
  }
  void copyToHost(std::span<std::byte> destination, DevicePtr source) override {
    device_->copyToHost(destination, source);
  }
  TensorMap encode(const TiledTensor& tensor) override { return device_->encode(tensor); }
  void synchronize() override { device_->synchronize(); }
  Counters counters() const override { return device_->counters(); }

  std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view kernel_name) override {
    std::shared_ptr<DeviceKernel> kernel = device_->load(image, kernel_name);
    names_[kernel.get()] = kernel_name;
    return kernel;
  }
  void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments,
              void* stream) override {
    device_->launch(kernel, config, arguments, stream);
    if (properties().emulated)
      launches.emplace_back(names_.at(&kernel), device_->counters());
  }

  std::vector<std::pair<std::string, Counters>> launches;

private:
  std::shared_ptr<Device> device_;
  std::map<const DeviceKernel*, std::string> names_;
};

} // namespace attune::cli
