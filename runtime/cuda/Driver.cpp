#include "runtime/cuda/Driver.h"

#include "attune/compiler/Error.h"

#include <cstdlib>

namespace attune::cuda {

void Driver::check(Result result, std::string_view what) const {
  if (result == 0)
    return;
  const char* name = nullptr;
  const char* text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  throw DeviceError(std::string(what) + ": " + (name ? name : "CUDA error " + std::to_string(result)) +
                    (text ? std::string(", ") + text : ""));
}

std::shared_ptr<const Driver> loadDriver() {
  const char* const chosen = std::getenv("ATTUNE_CUDA_DRIVER");
  const std::string path = chosen ? chosen : "libcuda.so.1";
  auto d = std::make_shared<Driver>();
  std::string why;
  d->library = DynamicLibrary::open(path, why);
  if (!d->library)
    throw DeviceError("no NVIDIA driver: " + why + ". Install one, or use the emulated device");
  const auto find = [&](auto& entry, const char* name) {
    entry = reinterpret_cast<std::remove_reference_t<decltype(entry)>>(d->library->symbol(name));
    if (!entry)
      throw DeviceError("the NVIDIA driver (" + path + ") has no " + name + ": it is older than CUDA 12. Update it");
  };
#define ATTUNE_FIND(name) find(d->name, #name)
  ATTUNE_FIND(cuInit);
  ATTUNE_FIND(cuDriverGetVersion);
  ATTUNE_FIND(cuGetErrorName);
  ATTUNE_FIND(cuGetErrorString);
  ATTUNE_FIND(cuDeviceGetCount);
  ATTUNE_FIND(cuDeviceGet);
  ATTUNE_FIND(cuDeviceGetName);
  ATTUNE_FIND(cuDeviceGetAttribute);
  ATTUNE_FIND(cuDeviceTotalMem_v2);
  ATTUNE_FIND(cuDevicePrimaryCtxRetain);
  ATTUNE_FIND(cuDevicePrimaryCtxRelease_v2);
  ATTUNE_FIND(cuCtxPushCurrent_v2);
  ATTUNE_FIND(cuCtxPopCurrent_v2);
  ATTUNE_FIND(cuCtxSynchronize);
  ATTUNE_FIND(cuMemAlloc_v2);
  ATTUNE_FIND(cuMemFree_v2);
  ATTUNE_FIND(cuMemcpyHtoD_v2);
  ATTUNE_FIND(cuMemcpyDtoH_v2);
  ATTUNE_FIND(cuLibraryLoadData);
  ATTUNE_FIND(cuLibraryUnload);
  ATTUNE_FIND(cuLibraryGetKernel);
  ATTUNE_FIND(cuKernelSetAttribute);
  ATTUNE_FIND(cuLaunchKernel);
#undef ATTUNE_FIND
  d->check(d->cuInit(0), "the NVIDIA driver does not start");
  return d;
}

} // namespace attune::cuda
