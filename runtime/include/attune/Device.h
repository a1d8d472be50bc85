#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] attune {

/// An address in the memory of a device.
using DevicePtr = std::uint64_t;

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

/// What the compiler, the engine and the cost model need to know of a device. Sizes in bytes.
struct DeviceProperties {
  std::string name; ///< "NVIDIA H200", "emulated sm_80"
  std::string arch; ///< compile target: "sm_90a"; the emulated device names the target it stands in for
  bool emulated = false;
  int multiprocessors = 0;
  std::size_t shared_per_block = 0; ///< opt-in limit of one block
  std::size_t shared_per_multiprocessor = 0;
  int registers_per_multiprocessor = 0;
  int max_threads_per_multiprocessor = 0;
  std::size_t l2_bytes = 0;
  std::size_t memory_bytes = 0;
};

/// Compiled code, as the toolchain made it.
struct Image {
  enum class Kind { Ptx, Cubin };
  Kind kind = Kind::Ptx;
  std::string bytes;
};

/// One loaded kernel. It keeps the module it came from alive.
class DeviceKernel {
public:
  virtual ~DeviceKernel() = default;
};

struct LaunchConfig {
  Dim3 grid;
  Dim3 block;
  std::size_t dynamic_shared = 0; ///< bytes
};

/// Exact event counts of one launch. Only the emulated device has them.
using Counters = std::map<std::string, std::uint64_t>;

/// What the engine talks to: a GPU behind the driver API, or one in software.
/// Every function throws DeviceError with the kernel, buffer or limit it is about.
/// One device may be used from many threads; launches on one device run in the order they were made.
class Device {
public:
  virtual ~Device() = default;

  virtual const DeviceProperties& properties() const = 0;

  /// `name` is what error messages call the buffer. 256-byte aligned; contents are undefined (poison on the emulated
  /// device).
  virtual DevicePtr allocate(std::size_t bytes, std::string_view name) = 0;
  virtual void release(DevicePtr pointer) noexcept = 0;

  virtual void copyToDevice(DevicePtr destination, std::span<const std::byte> source) = 0;
  virtual void copyToHost(std::span<std::byte> destination, DevicePtr source) = 0;

  virtual std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view kernel_name) = 0;

  /// `arguments[i]` points at the value of the i-th kernel parameter, as for cuLaunchKernel. `stream` is a CUstream or
  /// null.
  virtual void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments,
                      void* stream = nullptr) = 0;

  /// Waits for all work of the device and reports what went wrong in it.
  virtual void synchronize() = 0;

  /// Counters of the last launch; empty on a real GPU.
  virtual Counters counters() const { return {}; }
};

} // namespace attune
