#include "runtime/cuda/CudaDevice.h"

#include "attune/compiler/Error.h"
#include "runtime/cuda/Kernel.h"
#include "runtime/cuda/Measuring.h"
#include "runtime/cuda/TargetOf.h"
#include "runtime/support/TiledTensorRules.h"

#include <fmt/format.h>

#include <array>

namespace attune::cuda {

namespace {

class CudaDevice final : public Device {
public:
  CudaDevice(std::shared_ptr<const Driver> driver, int ordinal) : d_(std::move(driver)) {
    who_ = fmt::format("cuda:{}", ordinal);
    const int count = deviceCount(*d_);
    if (ordinal < 0 || ordinal >= count)
      throw DeviceError(fmt::format("{} is not there: the driver sees {} GPU{}. Check nvidia-smi and "
                                    "CUDA_VISIBLE_DEVICES",
                                    who_, count, count == 1 ? "" : "s"));
    d_->check(d_->cuDeviceGet(&device_, ordinal), "cuDeviceGet", who_);
    describe();
    d_->check(d_->cuDevicePrimaryCtxRetain(&context_, device_), "cuDevicePrimaryCtxRetain", who_);
  }
  ~CudaDevice() override { d_->cuDevicePrimaryCtxRelease_v2(device_); }
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  const DeviceProperties& properties() const override { return properties_; }

  DevicePtr allocate(std::size_t bytes, std::string_view name) override {
    const Current current(*d_, context_, who_);
    const BesideCaptures beside(*d_);
    DevicePtr pointer = 0;
    d_->check(d_->cuMemAlloc_v2(&pointer, bytes ? bytes : 1), "cuMemAlloc",
              fmt::format("{}: buffer '{}' of {} bytes", who_, name, bytes));
    return pointer;
  }
  void release(DevicePtr pointer) noexcept override {
    Context previous = nullptr;
    const BesideCaptures beside(*d_);
    if (d_->cuCtxPushCurrent_v2(context_) == Success) {
      d_->cuMemFree_v2(pointer);
      d_->cuCtxPopCurrent_v2(&previous);
    }
  }
  void copyToDevice(DevicePtr destination, std::span<const std::byte> source) override {
    const Current current(*d_, context_, who_);
    if (source.empty())
      return;
    const std::string what = fmt::format("{}: copy of {} bytes to {:#x}", who_, source.size(), destination);
    d_->check(d_->cuMemcpyHtoD_v2(destination, source.data(), source.size()), "cuMemcpyHtoD", what);
    // From pageable memory it may return before the bytes are there, and streams need not wait for the default one.
    d_->check(d_->cuStreamSynchronize(nullptr), "cuStreamSynchronize", what);
  }
  void copyToHost(std::span<std::byte> destination, DevicePtr source) override {
    const Current current(*d_, context_, who_);
    if (!destination.empty())
      d_->check(d_->cuMemcpyDtoH_v2(destination.data(), source, destination.size()), "cuMemcpyDtoH",
                fmt::format("{}: copy of {} bytes from {:#x}", who_, destination.size(), source));
  }

  std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view kernel_name) override {
    const Current current(*d_, context_, who_);
    const BesideCaptures beside(*d_);
    return std::make_shared<Kernel>(d_, device_, image, kernel_name, properties_.shared_per_block);
  }

  TensorMap encode(const TiledTensor& t) override {
    checkTiledTensor(t);
    const Current current(*d_, context_, who_); // the thread may have none
    constexpr int types[] = {9, 6, 7, 3, 0, 0}; // CUtensorMapDataType: BFLOAT16, FLOAT16, FLOAT32, INT32, UINT8 twice
    constexpr std::array<std::uint32_t, 5> dense = {1, 1, 1, 1, 1};
    constexpr int not_interleaved = 0;
    constexpr int l2_promotion_128b = 2; // a row of a box is at most 128 bytes
    // encoded aside: the driver demands the alignment, and GCC 12 gives it to variables but not always to results
    alignas(TensorMap) std::array<std::byte, sizeof(TensorMap)> bytes{};
    void* data = reinterpret_cast<void*>(t.data); // NOLINT(performance-no-int-to-ptr): an address of the device
    d_->check(d_->cuTensorMapEncodeTiled(bytes.data(), types[static_cast<int>(t.element)],
                                         static_cast<std::uint32_t>(t.rank), data, t.dims.data(), t.strides.data(),
                                         t.box.data(), dense.data(), not_interleaved, static_cast<int>(t.swizzle),
                                         l2_promotion_128b, t.fill_nan ? 1 : 0),
              "cuTensorMapEncodeTiled", fmt::format("{}: tensor map of {:#x}", who_, t.data));
    return {bytes};
  }

  void launch(const DeviceKernel& kernel, const LaunchConfig& c, std::span<void* const> arguments,
              void* stream) override {
    const auto* k = dynamic_cast<const Kernel*>(&kernel);
    if (k == nullptr || k->device() != device_)
      throw DeviceError(who_ + ": launch of a kernel that was loaded on another device");
    const Current current(*d_, context_, who_);
    k->launch(c, arguments, static_cast<Stream>(stream));
  }

  void synchronize() override {
    const Current current(*d_, context_, who_);
    d_->check(d_->cuCtxSynchronize(), "cuCtxSynchronize", fmt::format("{}: a kernel that was launched before", who_));
  }

  std::shared_ptr<DeviceEvent> record(void* stream) override {
    const Current current(*d_, context_, who_);
    return recordEvent(d_, who_, static_cast<Stream>(stream));
  }
  double microseconds(const DeviceEvent& from, const DeviceEvent& to) override {
    const Current current(*d_, context_, who_);
    return attune::cuda::microseconds(*d_, who_, from, to);
  }
  std::shared_ptr<DeviceGraph> capture(const std::function<void(void* stream)>& work) override {
    const Current current(*d_, context_, who_);
    return captureGraph(d_, who_, work);
  }
  void replay(const DeviceGraph& graph, void* stream) override {
    const Current current(*d_, context_, who_);
    launchGraph(*d_, who_, graph, static_cast<Stream>(stream));
  }
  void fill(DevicePtr destination, std::byte value, std::size_t bytes, void* stream) override {
    const Current current(*d_, context_, who_);
    d_->check(d_->cuMemsetD8Async(destination, static_cast<unsigned char>(value), bytes, static_cast<Stream>(stream)),
              "cuMemsetD8Async", fmt::format("{}: filling {} bytes at {:#x}", who_, bytes, destination));
  }

private:
  void describe() {
    const auto attribute = [&](DeviceAttribute which) {
      int value = 0;
      d_->check(d_->cuDeviceGetAttribute(&value, which, device_), "cuDeviceGetAttribute", who_);
      return value;
    };
    std::array<char, 256> name{};
    d_->check(d_->cuDeviceGetName(name.data(), static_cast<int>(name.size()) - 1, device_), "cuDeviceGetName", who_);
    properties_.name = name.data();
    properties_.arch = targetOf(properties_.name, attribute(ComputeCapabilityMajor), attribute(ComputeCapabilityMinor));
    properties_.multiprocessors = attribute(MultiprocessorCount);
    properties_.shared_per_block = static_cast<std::size_t>(attribute(MaxSharedMemoryPerBlockOptin));
    properties_.shared_per_multiprocessor = static_cast<std::size_t>(attribute(MaxSharedMemoryPerMultiprocessor));
    properties_.registers_per_multiprocessor = attribute(MaxRegistersPerMultiprocessor);
    properties_.max_threads_per_multiprocessor = attribute(MaxThreadsPerMultiprocessor);
    properties_.l2_bytes = static_cast<std::size_t>(attribute(L2CacheSize));
    d_->check(d_->cuDeviceTotalMem_v2(&properties_.memory_bytes, device_), "cuDeviceTotalMem", who_);
  }

  std::shared_ptr<const Driver> d_;
  std::string who_;
  DeviceOrdinal device_ = 0;
  Context context_ = nullptr;
  DeviceProperties properties_;
};

} // namespace

int deviceCount(const Driver& driver) {
  int count = 0;
  driver.check(driver.cuDeviceGetCount(&count), "cuDeviceGetCount", "counting GPUs");
  return count;
}

std::unique_ptr<Device> makeCudaDevice(std::shared_ptr<const Driver> driver, int ordinal) {
  return std::make_unique<CudaDevice>(std::move(driver), ordinal);
}

} // namespace attune::cuda
