#pragma once

#include "attune/Device.h"
#include "attune/compiler/Target.h"

#include <filesystem>
#include <string>

#include <unistd.h>

namespace attune::bench {

/// A GPU that does nothing at all: what is left is the host's work without the driver's.
class NullDevice final : public Device {
public:
  explicit NullDevice(const std::string& arch) {
    const Target& to = target(arch);
    properties_ = {.name = "null",
                   .arch = arch,
                   .multiprocessors = 132,
                   .shared_per_block = static_cast<std::size_t>(to.shared_per_block),
                   .shared_per_multiprocessor = static_cast<std::size_t>(to.shared_per_multiprocessor),
                   .registers_per_multiprocessor = to.registers_per_multiprocessor,
                   .max_threads_per_multiprocessor = to.max_threads_per_multiprocessor};
  }
  const DeviceProperties& properties() const override { return properties_; }
  DevicePtr allocate(std::size_t, std::string_view) override { return 4096; }
  void release(DevicePtr) noexcept override {}
  void copyToDevice(DevicePtr, std::span<const std::byte>) override {}
  void copyToHost(std::span<std::byte>, DevicePtr) override {}
  std::shared_ptr<DeviceKernel> load(const Image&, std::string_view) override {
    return std::make_shared<DeviceKernel>();
  }
  TensorMap encode(const TiledTensor&) override { return {}; }
  void launch(const DeviceKernel&, const LaunchConfig&, std::span<void* const> arguments, void*) override {
    asm volatile("" ::"r"(arguments.data()) : "memory"); // the arguments are there when it is called
  }
  void synchronize() override {}

private:
  DeviceProperties properties_;
};

/// A cache folder of its own, gone with the object.
class ScratchCache {
public:
  ScratchCache() { std::filesystem::create_directories(path_); }
  ~ScratchCache() { clear(); }
  ScratchCache(const ScratchCache&) = delete;
  ScratchCache& operator=(const ScratchCache&) = delete;
  std::string folder() const { return path_.string(); }
  void clear() const {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

private:
  std::filesystem::path path_ = std::filesystem::temp_directory_path() / ("attune-bench-" + std::to_string(::getpid()));
};

} // namespace attune::bench
