#include "attune/attune.hpp"

#include "runtime/cuda/CudaDevice.h"
#include "runtime/emulator/EmulatedDevice.h"

#include <charconv>

namespace attune {

std::shared_ptr<Device> openDevice(std::string_view name) {
  if (name == "auto") {
    try {
      const auto driver = cuda::loadDriver();
      if (cuda::deviceCount(*driver) > 0)
        return cuda::makeCudaDevice(driver, 0);
    } catch (const DeviceError&) { // no driver, or no GPU: the emulated device is always there
    }
    return emulator::makeEmulatedDevice();
  }
  if (name == "emulated")
    return emulator::makeEmulatedDevice();
  if (name.starts_with("emulated:"))
    return emulator::makeEmulatedDevice({.target = std::string(name.substr(9))});
  int ordinal = 0;
  if (name.starts_with("cuda:")) {
    const std::string_view number = name.substr(5);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), ordinal);
    if (error == std::errc() && end == number.data() + number.size())
      return cuda::makeCudaDevice(cuda::loadDriver(), ordinal);
  } else if (name == "cuda") {
    return cuda::makeCudaDevice(cuda::loadDriver(), 0);
  }
  throw UserError(UserError::Kind::Invalid, "device '" + std::string(name) + "'", "there is no such device",
                  "use auto, cuda:0, emulated or emulated:sm_90");
}

} // namespace attune
