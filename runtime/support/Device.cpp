#include "attune/Device.h"

#include "attune/compiler/Error.h"

namespace attune {

namespace {

[[noreturn]] void noClock(const Device& device) {
  throw DeviceError(device.properties().name +
                    " keeps no time: only a GPU can be measured. Use --effort estimate, or a device cuda:N");
}

} // namespace

std::shared_ptr<DeviceEvent> Device::record(void*) { noClock(*this); }
double Device::microseconds(const DeviceEvent&, const DeviceEvent&) { noClock(*this); }
std::shared_ptr<DeviceGraph> Device::capture(const std::function<void(void* stream)>&) { noClock(*this); }
void Device::replay(const DeviceGraph&, void*) { noClock(*this); }
void Device::fill(DevicePtr, std::byte, std::size_t, void*) { noClock(*this); }

} // namespace attune
