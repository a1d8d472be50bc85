#include "runtime/cuda/Driver.h"

#include "attune/compiler/Error.h"

#include <fmt/format.h>

#include <cstdlib>

namespace attune::cuda {

namespace {

constexpr int oldest_version = 12000; // the first with cuLibraryLoadData and cuTensorMapEncodeTiled

/// What to do about an error, for those that a user can do something about. Numbers: CUresult.
std::string_view remedy(Result result) {
  switch (result) {
  case 2: // OUT_OF_MEMORY
    return "Free memory on the GPU, or use smaller shapes";
  case 3: // NOT_INITIALIZED
  case 4: // DEINITIALIZED
    return "Do not use a device after main() has returned, nor in a child made by fork()";
  case 46: // DEVICE_UNAVAILABLE
    return "Another process has the GPU for itself: see its compute mode in nvidia-smi";
  case 100: // NO_DEVICE
    return "Check CUDA_VISIBLE_DEVICES, and nvidia-smi";
  case 201: // INVALID_CONTEXT
  case 400: // INVALID_HANDLE
    return "Streams must belong to the primary context of this GPU";
  case InvalidImage:
  case NoBinaryForGpu:
  case UnsupportedPtxVersion:
    return "The kernel was compiled by an NVRTC that is newer than the driver: update the driver, or set ATTUNE_NVRTC "
           "to a libnvrtc.so of the driver's CUDA version";
  case 700: // ILLEGAL_ADDRESS
  case 715: // ILLEGAL_INSTRUCTION
  case 716: // MISALIGNED_ADDRESS
  case 719: // LAUNCH_FAILED
    return "A kernel failed, and its process cannot use this GPU any more. The emulated device names the access "
           "(--device emulated)";
  case 802: // SYSTEM_NOT_READY
    return "Start nvidia-fabricmanager";
  case 803: // SYSTEM_DRIVER_MISMATCH
    return "Kernel module and libcuda.so are of different versions: reboot, or mount the driver that belongs to the "
           "host into the container";
  case 900: // STREAM_CAPTURE_UNSUPPORTED
    return "Only launch() may run while a stream is being captured: prepare plans and buffers before";
  default:
    return {};
  }
}

} // namespace

void Driver::check(Result result, std::string_view entry_point, std::string_view what) const {
  if (result == Success)
    return;
  const char* name = nullptr;
  const char* text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  const std::string_view advice = remedy(result);
  throw DeviceError(fmt::format("{}: {}: {}{}{}{}{}", what, entry_point.substr(0, entry_point.find("_v")),
                                name ? name : fmt::format("CUDA error {}", result), text ? ", " : "", text ? text : "",
                                advice.empty() ? "" : ". ", advice));
}

std::shared_ptr<const Driver> loadDriver() {
  const char* const chosen = std::getenv("ATTUNE_CUDA_DRIVER"); // NOLINT(concurrency-mt-unsafe)
  const std::string path = chosen ? chosen : "libcuda.so.1";
  auto d = std::make_shared<Driver>();
  std::string why;
  d->library = DynamicLibrary::open(path, why);
  if (!d->library)
    throw DeviceError("no NVIDIA driver: " + why + ". Install one, or use the emulated device");
  const auto find = [&](auto& entry, const char* name) {
    entry = reinterpret_cast<std::remove_reference_t<decltype(entry)>>(d->library->symbol(name));
    return entry != nullptr;
  };
  // the version first: it says best why entry points are missing
  if (find(d->cuDriverGetVersion, "cuDriverGetVersion"))
    d->cuDriverGetVersion(&d->version);
  if (d->version < oldest_version)
    throw DeviceError(fmt::format("the NVIDIA driver ({}) is for CUDA {}.{}; Attune needs 12.0 or newer (driver 525). "
                                  "Update it, or use the emulated device",
                                  d->library->path(), d->version / 1000, d->version % 1000 / 10));
#define ATTUNE_FIND(name, parameters)                                                                                  \
  if (!find(d->name, #name))                                                                                           \
    throw DeviceError(fmt::format("the NVIDIA driver ({}) has no {}. Reinstall it, or use the emulated device",        \
                                  d->library->path(), #name));
  ATTUNE_DRIVER_ENTRY_POINTS(ATTUNE_FIND)
#undef ATTUNE_FIND
#define ATTUNE_FIND(name, parameters) find(d->name, #name);
  ATTUNE_DRIVER_OPTIONAL_ENTRY_POINTS(ATTUNE_FIND)
#undef ATTUNE_FIND
  d->check(d->cuInit(0), "cuInit", "the NVIDIA driver does not start");
  return d;
}

} // namespace attune::cuda
