#pragma once

#include "runtime/support/ForwardingDevice.h"

namespace attune {

/// Another device that says it has this many multiprocessors: on few of them each block of a persistent grid gets
/// several pieces of a problem that is quickly checked.
class FewMultiprocessors final : public ForwardingDevice {
public:
  FewMultiprocessors(std::shared_ptr<Device> device, int multiprocessors)
      : ForwardingDevice(std::move(device)), properties_(ForwardingDevice::properties()) {
    properties_.multiprocessors = multiprocessors;
  }
  const DeviceProperties& properties() const override { return properties_; }

private:
  DeviceProperties properties_;
};

} // namespace attune
