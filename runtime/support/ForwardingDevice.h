#pragma once

#include "attune/Device.h"

#include <utility>

namespace attune {

/// Another device, as it is: to be derived from by what watches or changes some of its calls.
class ForwardingDevice : public Device {
public:
  explicit ForwardingDevice(std::shared_ptr<Device> device) : device_(std::move(device)) {}

  const DeviceProperties& properties() const override { return device_->properties(); }
  DevicePtr allocate(std::size_t bytes, std::string_view name) override { return device_->allocate(bytes, name); }
  void release(DevicePtr pointer) noexcept override { device_->release(pointer); }
  void copyToDevice(DevicePtr destination, std::span<const std::byte> source) override {
    device_->copyToDevice(destination, source);
  }
  void copyToHost(std::span<std::byte> destination, DevicePtr source) override {
    device_->copyToHost(destination, source);
  }
  std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view kernel_name) override {
    return device_->load(image, kernel_name);
  }
  TensorMap encode(const TiledTensor& tensor) override { return device_->encode(tensor); }
  void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments,
              void* stream) override {
    device_->launch(kernel, config, arguments, stream);
  }
  void synchronize() override { device_->synchronize(); }

  std::shared_ptr<DeviceEvent> record(void* stream) override { return device_->record(stream); }
  double microseconds(const DeviceEvent& from, const DeviceEvent& to) override {
    return device_->microseconds(from, to);
  }
  std::shared_ptr<DeviceGraph> capture(const std::function<void(void* stream)>& work) override {
    return device_->capture(work);
  }
  void replay(const DeviceGraph& graph, void* stream) override { device_->replay(graph, stream); }
  void fill(DevicePtr destination, std::byte value, std::size_t bytes, void* stream) override {
    device_->fill(destination, value, bytes, stream);
  }
  Counters counters() const override { return device_->counters(); }

private:
  std::shared_ptr<Device> device_;
};

} // namespace attune
