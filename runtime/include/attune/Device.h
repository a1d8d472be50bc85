#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
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

enum class Element { BF16, F16, F32, I32, U8, E4M3 };
constexpr std::size_t bytesOf(Element element) {
  return element == Element::U8 || element == Element::E4M3    ? 1
         : element == Element::BF16 || element == Element::F16 ? 2
                                                               : 4;
}

/// Within spans of how many bytes the 16-byte chunks of a box are permuted in shared memory. The innermost extent of
/// the box has at most that many.
enum class Swizzle { None, Bytes32, Bytes64, Bytes128 };

/// What a tensor map describes: a tensor in global memory, and the box of it that one bulk copy moves to or from shared
/// memory. Dimension 0 is the innermost, and contiguous. The rules are those of cuTensorMapEncodeTiled
/// (runtime/support/TiledTensorRules.h).
struct TiledTensor {
  Element element = Element::BF16;
  DevicePtr data = 0;
  int rank = 0;                           ///< 1 to 5
  std::array<std::uint64_t, 5> dims{};    ///< elements
  std::array<std::uint64_t, 4> strides{}; ///< bytes between neighbours in dimension n + 1
  std::array<std::uint32_t, 5> box{};     ///< elements
  Swizzle swizzle = Swizzle::None;
  bool fill_nan = false; ///< what a box reads outside of the tensor: a NaN instead of zero
};

/// An encoded TiledTensor. Kernels take it by value, as a parameter of 128 bytes that is constant and has an address
/// (`const __grid_constant__`).
struct alignas(128) TensorMap {
  std::array<std::byte, 128> bytes{};
};

struct LaunchConfig {
  Dim3 grid;
  Dim3 block;
  std::size_t dynamic_shared = 0;    ///< bytes
  Dim3 cluster;                      ///< blocks that are resident together; divides the grid
  bool overlaps_predecessor = false; ///< programmatic dependent launch: blocks may start before the stream's last
                                     ///< kernel is done, and wait for it with griddepcontrol.wait
};

/// Exact event counts of one launch. Only the emulated device has them.
using Counters = std::map<std::string, std::uint64_t>;

/// A moment in a stream, reached when the work before it is done.
class DeviceEvent {
public:
  virtual ~DeviceEvent() = default;
};

/// Launches that were captured, to be started at once.
class DeviceGraph {
public:
  virtual ~DeviceGraph() = default;
};

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

  /// A tensor map for kernels of this device. Cheap enough for every launch: it checks and packs, and allocates
  /// nothing.
  virtual TensorMap encode(const TiledTensor& tensor) = 0;

  /// `arguments[i]` points at the value of the i-th kernel parameter, as for cuLaunchKernel. `stream` is a CUstream or
  /// null.
  virtual void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments,
                      void* stream = nullptr) = 0;

  /// Waits for all work of the device and reports what went wrong in it.
  virtual void synchronize() = 0;

  // What measuring needs. Only real GPUs have it: the emulated device throws DeviceError.
  /// An event after all work of `stream` so far.
  virtual std::shared_ptr<DeviceEvent> record(void* stream = nullptr);
  /// Waits for `to`, and says how much later than `from` it was, within about half a microsecond.
  virtual double microseconds(const DeviceEvent& from, const DeviceEvent& to);
  /// What `work` launches into the stream that it is given, as a graph. It must do nothing else there.
  virtual std::shared_ptr<DeviceGraph> capture(const std::function<void(void* stream)>& work);
  virtual void replay(const DeviceGraph& graph, void* stream = nullptr);
  /// Sets bytes in stream order: writing more than the L2 holds leaves it cold.
  virtual void fill(DevicePtr destination, std::byte value, std::size_t bytes, void* stream = nullptr);

  /// Counters of the last launch; empty on a real GPU.
  virtual Counters counters() const { return {}; }
};

} // namespace attune
