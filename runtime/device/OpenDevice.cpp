#include "attune/attune.hpp"

#include "runtime/cuda/CudaDevice.h"
#include "runtime/emulator/EmulatedDevice.h"

#include <charconv>

namespace attune {

namespace {

/// The first GPU that opens; null, and why each one did not.
std::shared_ptr<Device> anyGpu(std::string& why) {
  try {
    const auto driver = cuda::loadDriver();
    const int count = cuda::deviceCount(*driver);
    if (count == 0)
      why = "the driver sees no GPU";
    for (int ordinal = 0; ordinal < count; ++ordinal)
      try {
        return cuda::makeCudaDevice(driver, ordinal);
      } catch (const DeviceError& error) {
        why += (why.empty() ? "" : "; ") + std::string(error.what());
      }
  } catch (const DeviceError& error) {
    why = error.what();
  }
  return nullptr;
}

} // namespace

std::shared_ptr<Device> openDevice(std::string_view name, std::string* why_no_gpu) {
  std::string why;
  std::shared_ptr<Device> gpu = name == "auto" ? anyGpu(why) : nullptr;
  if (why_no_gpu)
    *why_no_gpu = gpu ? std::string() : why;
  if (gpu)
    return gpu;
  if (name == "auto" || name == "emulated")
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
