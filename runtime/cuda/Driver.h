#pragma once

#include "runtime/support/DynamicLibrary.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace attune::cuda {

// The driver API as far as it is used, so that it builds without a toolkit. Names and values: CUDA Driver API
// reference.
using Result = int;
using DeviceOrdinal = int;
using Context = struct ContextTag*;
using Library = struct LibraryTag*;
using KernelHandle = struct KernelTag*;
using Stream = struct StreamTag*;

enum Attribute : int { // CUdevice_attribute
  MaxGridY = 6,
  MultiprocessorCount = 16,
  L2CacheSize = 38,
  MaxThreadsPerMultiprocessor = 39,
  ComputeCapabilityMajor = 75,
  ComputeCapabilityMinor = 76,
  MaxSharedMemoryPerMultiprocessor = 81,
  MaxRegistersPerMultiprocessor = 82,
  MaxSharedMemoryPerBlockOptin = 97,
};
constexpr int max_dynamic_shared_attribute = 8; // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES

/// The entry points, found when the library is loaded.
struct Driver {
  Result (*cuInit)(unsigned);
  Result (*cuDriverGetVersion)(int*);
  Result (*cuGetErrorName)(Result, const char**);
  Result (*cuGetErrorString)(Result, const char**);
  Result (*cuDeviceGetCount)(int*);
  Result (*cuDeviceGet)(DeviceOrdinal*, int);
  Result (*cuDeviceGetName)(char*, int, DeviceOrdinal);
  Result (*cuDeviceGetAttribute)(int*, Attribute, DeviceOrdinal);
  Result (*cuDeviceTotalMem_v2)(std::size_t*, DeviceOrdinal);
  Result (*cuDevicePrimaryCtxRetain)(Context*, DeviceOrdinal);
  Result (*cuDevicePrimaryCtxRelease_v2)(DeviceOrdinal);
  Result (*cuCtxPushCurrent_v2)(Context);
  Result (*cuCtxPopCurrent_v2)(Context*);
  Result (*cuCtxSynchronize)();
  Result (*cuMemAlloc_v2)(std::uint64_t*, std::size_t);
  Result (*cuMemFree_v2)(std::uint64_t);
  Result (*cuMemcpyHtoD_v2)(std::uint64_t, const void*, std::size_t);
  Result (*cuMemcpyDtoH_v2)(void*, std::uint64_t, std::size_t);
  Result (*cuLibraryLoadData)(Library*, const void*, int*, void**, unsigned, int*, void**, unsigned);
  Result (*cuLibraryUnload)(Library);
  Result (*cuLibraryGetKernel)(KernelHandle*, Library, const char*);
  Result (*cuKernelSetAttribute)(int, int, KernelHandle, DeviceOrdinal);
  Result (*cuLaunchKernel)(KernelHandle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream,
                           void**, void**);

  /// Throws DeviceError "what: CUDA_ERROR_..., text" unless the result is success.
  void check(Result result, std::string_view what) const;

  std::unique_ptr<DynamicLibrary> library;
};

/// Loads libcuda.so.1 (or ATTUNE_CUDA_DRIVER) and initialises it. Throws DeviceError: no driver, a driver too old, no
/// GPU.
std::shared_ptr<const Driver> loadDriver();

} // namespace attune::cuda
