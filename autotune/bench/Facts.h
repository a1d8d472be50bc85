#pragma once

#include "attune/Device.h"

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace attune::bench {

/// {date, cpu, cores, memory_gib, os, load, nvrtc, device: {...}, driver}: what a figure has to be read with. What is
/// not there is null. Nothing in it names the machine. `ordinal`: of a GPU, as the driver counts.
nlohmann::json machineFacts(const DeviceProperties& device, int ordinal);

/// Clocks and power of a GPU as its driver's management library has them.
class Clocks {
public:
  /// Without the library, or on an emulated device, every reading is null. The library counts GPUs in its own way
  /// (CUDA_VISIBLE_DEVICES means nothing to it), so the GPU is found by its address on the bus.
  Clocks(const DeviceProperties& device, int ordinal);

  /// {sm_mhz, memory_mhz, power_w, temperature_c, throttled}, now. Called while the device is busy.
  nlohmann::json read() const;
  /// Of the driver: "580.65.06", or null.
  nlohmann::json driver() const;

private:
  const void* nvml_ = nullptr;
  void* gpu_ = nullptr;
};

} // namespace attune::bench
