#pragma once

#include "attune/Device.h"
#include "runtime/cuda/Driver.h"

#include <memory>

namespace attune::cuda {

/// How many GPUs the driver sees.
int deviceCount(const Driver& driver);

/// GPU `ordinal` through its primary context, which it shares with the CUDA runtime of the process. Throws DeviceError
/// if there is none.
std::unique_ptr<Device> makeCudaDevice(std::shared_ptr<const Driver> driver, int ordinal);

} // namespace attune::cuda
