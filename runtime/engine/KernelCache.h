#pragma once

#include "attune/Device.h"
#include "attune/attune.hpp"
#include "attune/compiler/Compile.h"
#include "runtime/cache/Bundle.h"
#include "runtime/engine/Arguments.h"
#include "runtime/schedules/Content.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace attune {

/// The kernels of one spec and schedule, loaded on a device.
struct CompiledAttention {
  struct Kernel {
    KernelSource source;
    std::vector<BoundParameter> parameters;
    std::shared_ptr<DeviceKernel> loaded;
    double lower_ms = 0;
    double nvrtc_ms = 0; ///< 0: it came from the cache on disk
  };
  std::vector<Kernel> kernels;
};

/// Kernels of one device: loaded on first use and kept, from the cache on disk or from NVRTC. Threads that ask for the
/// same kernel wait for one to make it; different kernels are made side by side.
class KernelCache {
public:
  KernelCache(std::shared_ptr<Device> device, CacheOptions options)
      : device_(std::move(device)), options_(std::move(options)) {}

  /// Null if it was not loaded before. Costs well below a microsecond, and counts as a hit if there is one.
  std::shared_ptr<const CompiledAttention> find(const AttentionSpec& spec, const Schedule& schedule);
  /// Those under which find() has something for a spec, now or in a moment; in no order.
  std::vector<Schedule> schedules(const AttentionSpec& spec) const;
  /// Throws as compile() and Toolchain do, and CacheMiss if `cache_only` and a kernel is on no disk.
  std::shared_ptr<const CompiledAttention> get(const AttentionSpec& spec, const Schedule& schedule, bool cache_only);

  CacheCounters counters() const;

  /// Adds all kernels that this cache has made or loaded to a bundle.
  void addTo(cache::BundleWriter& bundle);
  /// The binaries on disk, or in memory if there is no folder. Opened when it is first asked for.
  cache::EntryStore& store();

private:
  struct Entry {
    std::mutex mutex; ///< held while it is made
    std::shared_ptr<const CompiledAttention> value;
  };
  struct Loaded {
    std::string spec; ///< what its kernels' text depends on
    Schedule schedule;
  };
  std::shared_ptr<const CompiledAttention> build(const AttentionSpec& spec, const Schedule& schedule, bool cache_only);
  CompiledAttention::Kernel make(KernelSource source, bool cache_only);

  std::shared_ptr<Device> device_;
  CacheOptions options_;
  mutable std::mutex mutex_;                  ///< of what follows
  ByContent<std::shared_ptr<Entry>> entries_; ///< by what the text depends on
  std::vector<Loaded> loaded_;                ///< entries that have a value
  CacheCounters counters_;
  std::unique_ptr<cache::EntryStore> store_; ///< opened on the first miss
  std::map<std::string, std::string> made_;  ///< binaries that were made or loaded: key and variant
};

} // namespace attune
