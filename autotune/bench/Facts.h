#pragma once

#include "attune/Device.h"

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace attune::bench {

/// {date, cpu, cores, memory_gib, os, load, nvrtc, device: {...}, driver}: what a figure has to be read with. What is
/// not there is null. Nothing in it names the machine.
nlohmann::json machineFacts(const DeviceProperties& device);

/// Clocks and power of GPU 0 as its driver's management library has them.
class Clocks {
public:
  /// Without the library, or on an emulated device, every reading is null.
  explicit Clocks(const DeviceProperties& device);

  /// {sm_mhz, memory_mhz, power_w, temperature_c, throttled}, now. Called while the device is busy.
  nlohmann::json read() const;
  /// Of the driver: "580.65.06", or null.
  nlohmann::json driver() const;

private:
  const void* nvml_ = nullptr;
  void* gpu_ = nullptr;
};

} // namespace attune::bench
