#include "runtime/cuda/CudaDevice.h"

#include "attune/compiler/Error.h"

#include <array>

namespace attune::cuda {

namespace {

struct Kernel final : DeviceKernel {
  std::shared_ptr<const Driver> driver;
  Library library = nullptr;
  KernelHandle handle = nullptr;
  std::string name;
  ~Kernel() override {
    if (library)
      driver->cuLibraryUnload(library);
  }
};

class CudaDevice final : public Device {
public:
  CudaDevice(std::shared_ptr<const Driver> driver, int ordinal) : d_(std::move(driver)) {
    const std::string who = "cuda:" + std::to_string(ordinal);
    const int count = deviceCount(*d_);
    if (ordinal < 0 || ordinal >= count)
      throw DeviceError(who + " is not there: the driver sees " + std::to_string(count) + " GPUs");
    d_->check(d_->cuDeviceGet(&ordinal_, ordinal), who);
    describe(who);
    d_->check(d_->cuDevicePrimaryCtxRetain(&context_, ordinal_), who);
  }
  ~CudaDevice() override { d_->cuDevicePrimaryCtxRelease_v2(ordinal_); }
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  const DeviceProperties& properties() const override { return properties_; }

  DevicePtr allocate(std::size_t bytes, std::string_view name) override {
    const Current current(*this);
    DevicePtr pointer = 0;
    d_->check(d_->cuMemAlloc_v2(&pointer, bytes ? bytes : 1),
              "buffer '" + std::string(name) + "' of " + std::to_string(bytes) + " bytes");
    return pointer;
  }
  void release(DevicePtr pointer) noexcept override {
    Context previous = nullptr;
    if (d_->cuCtxPushCurrent_v2(context_) == 0) {
      d_->cuMemFree_v2(pointer);
      d_->cuCtxPopCurrent_v2(&previous);
    }
  }
  void copyToDevice(DevicePtr destination, std::span<const std::byte> source) override {
    const Current current(*this);
    if (!source.empty())
      d_->check(d_->cuMemcpyHtoD_v2(destination, source.data(), source.size()), "copy to the GPU");
  }
  void copyToHost(std::span<std::byte> destination, DevicePtr source) override {
    const Current current(*this);
    if (!destination.empty())
      d_->check(d_->cuMemcpyDtoH_v2(destination.data(), source, destination.size()), "copy from the GPU");
  }

  std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view kernel_name) override {
    const Current current(*this);
    auto kernel = std::make_shared<Kernel>();
    kernel->driver = d_;
    kernel->name = kernel_name;
    // a cubin carries its size; PTX must end in a zero, which std::string guarantees
    d_->check(d_->cuLibraryLoadData(&kernel->library, image.bytes.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0),
              "loading " + kernel->name);
    d_->check(d_->cuLibraryGetKernel(&kernel->handle, kernel->library, kernel->name.c_str()), "kernel " + kernel->name);
    // allowed once for all launches: launch() must not change state that other launches see
    d_->check(d_->cuKernelSetAttribute(max_dynamic_shared_attribute, static_cast<int>(properties_.shared_per_block),
                                       kernel->handle, ordinal_),
              "shared memory of " + kernel->name);
    return kernel;
  }

  void launch(const DeviceKernel& kernel, const LaunchConfig& c, std::span<void* const> arguments,
              void* stream) override {
    const auto& k = dynamic_cast<const Kernel&>(kernel);
    const Current current(*this);
    d_->check(d_->cuLaunchKernel(k.handle, c.grid.x, c.grid.y, c.grid.z, c.block.x, c.block.y, c.block.z,
                                 static_cast<unsigned>(c.dynamic_shared), static_cast<Stream>(stream),
                                 const_cast<void**>(arguments.data()), nullptr),
              "launch of " + k.name);
  }

  void synchronize() override {
    const Current current(*this);
    d_->check(d_->cuCtxSynchronize(), "the work of " + properties_.name);
  }

private:
  /// The device's context is current while it lives; the caller's comes back.
  class Current {
  public:
    explicit Current(const CudaDevice& device) : d_(*device.d_) {
      d_.check(d_.cuCtxPushCurrent_v2(device.context_), "CUDA context");
    }
    ~Current() {
      Context previous = nullptr;
      d_.cuCtxPopCurrent_v2(&previous);
    }
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

  private:
    const Driver& d_;
  };

  void describe(const std::string& who) {
    const auto attribute = [&](Attribute which) {
      int value = 0;
      d_->check(d_->cuDeviceGetAttribute(&value, which, ordinal_), who);
      return value;
    };
    std::array<char, 256> name{};
    d_->check(d_->cuDeviceGetName(name.data(), static_cast<int>(name.size()) - 1, ordinal_), who);
    properties_.name = name.data();
    properties_.arch =
        "sm_" + std::to_string(attribute(ComputeCapabilityMajor) * 10 + attribute(ComputeCapabilityMinor));
    properties_.multiprocessors = attribute(MultiprocessorCount);
    properties_.shared_per_block = static_cast<std::size_t>(attribute(MaxSharedMemoryPerBlockOptin));
    properties_.shared_per_multiprocessor = static_cast<std::size_t>(attribute(MaxSharedMemoryPerMultiprocessor));
    properties_.registers_per_multiprocessor = attribute(MaxRegistersPerMultiprocessor);
    properties_.max_threads_per_multiprocessor = attribute(MaxThreadsPerMultiprocessor);
    properties_.l2_bytes = static_cast<std::size_t>(attribute(L2CacheSize));
    d_->check(d_->cuDeviceTotalMem_v2(&properties_.memory_bytes, ordinal_), who);
  }

  std::shared_ptr<const Driver> d_;
  DeviceOrdinal ordinal_ = 0;
  Context context_ = nullptr;
  DeviceProperties properties_;
};

} // namespace

int deviceCount(const Driver& driver) {
  int count = 0;
  driver.check(driver.cuDeviceGetCount(&count), "counting GPUs");
  return count;
}

std::unique_ptr<Device> makeCudaDevice(std::shared_ptr<const Driver> driver, int ordinal) {
  return std::make_unique<CudaDevice>(std::move(driver), ordinal);
}

} // namespace attune::cuda
