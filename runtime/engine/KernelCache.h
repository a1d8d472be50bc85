#pragma once

#include "attune/Device.h"
#include "attune/attune.hpp"
#include "attune/compiler/Compile.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace attune {

/// The kernels of one spec and schedule, loaded on a device.
struct CompiledAttention {
  struct Kernel {
    KernelSource source;
    std::shared_ptr<DeviceKernel> loaded;
    double lower_ms = 0, nvrtc_ms = 0;
  };
  std::vector<Kernel> kernels;
};

/// Kernels of one device, compiled on first use and kept. Threads that ask for the same kernel wait for one
/// compilation; different kernels compile side by side.
class KernelCache {
public:
  explicit KernelCache(std::shared_ptr<Device> device) : device_(std::move(device)) {}
  std::shared_ptr<const CompiledAttention> get(const AttentionSpec& spec, const Schedule& schedule);

private:
  struct Entry {
    std::mutex mutex;
    std::shared_ptr<const CompiledAttention> value;
  };
  std::shared_ptr<const CompiledAttention> build(const AttentionSpec& spec, const Schedule& schedule) const;

  std::shared_ptr<Device> device_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_; ///< by canonical spec and schedule
};

} // namespace attune
