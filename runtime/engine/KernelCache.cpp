#include "runtime/engine/KernelCache.h"

#include "runtime/cache/Paths.h"
#include "runtime/engine/KernelStore.h"

#include <future>

namespace attune {

std::shared_ptr<const CompiledAttention> KernelCache::find(const AttentionSpec& spec, const Schedule& schedule) {
  const Content content = contentOf(spec, schedule);
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(content.bytes());
  if (found == entries_.end() || !found->second->mutex.try_lock())
    return nullptr; // somebody is making it: get() waits
  const std::scoped_lock entry(std::adopt_lock, found->second->mutex);
  counters_.hits += found->second->value != nullptr;
  return found->second->value;
}

std::shared_ptr<const CompiledAttention> KernelCache::get(const AttentionSpec& spec, const Schedule& schedule,
                                                          bool cache_only) {
  if (auto loaded = find(spec, schedule))
    return loaded;
  std::shared_ptr<Entry> entry;
  {
    const std::scoped_lock lock(mutex_);
    auto& slot = entries_[std::string(contentOf(spec, schedule).bytes())];
    if (!slot)
      slot = std::make_shared<Entry>();
    entry = slot;
  }
  std::unique_lock making(entry->mutex, std::try_to_lock);
  const bool waited = !making.owns_lock();
  if (waited)
    making.lock();
  if (!entry->value) {
    entry->value = build(spec, schedule, cache_only); // if it throws, the next one to ask tries again
    const std::scoped_lock lock(mutex_);
    loaded_.push_back({std::string(contentOf(spec).bytes()), schedule});
  } else if (waited) {
    const std::scoped_lock lock(mutex_);
    ++counters_.waits;
  }
  return entry->value;
}

std::vector<Schedule> KernelCache::schedules(const AttentionSpec& spec) const {
  const Content content = contentOf(spec);
  std::vector<Schedule> schedules;
  const std::scoped_lock lock(mutex_);
  for (const Loaded& loaded : loaded_)
    if (loaded.spec == content.bytes())
      schedules.push_back(loaded.schedule);
  return schedules;
}

std::shared_ptr<const CompiledAttention> KernelCache::build(const AttentionSpec& spec, const Schedule& schedule,
                                                            bool cache_only) {
  CompileResult text = compile(canonical(spec), schedule, target(device_->properties().arch));
  auto result = std::make_shared<CompiledAttention>();
  std::vector<std::future<CompiledAttention::Kernel>> rest; // a combine kernel is made beside the partial one
  for (std::size_t n = 1; n < text.kernels.size(); ++n)
    rest.push_back(std::async(std::launch::async, [&, n] { return make(std::move(text.kernels[n]), cache_only); }));
  result->kernels.push_back(make(std::move(text.kernels.at(0)), cache_only));
  for (auto& kernel : rest)
    result->kernels.push_back(kernel.get());
  for (CompiledAttention::Kernel& kernel : result->kernels)
    kernel.lower_ms = text.milliseconds;
  return result;
}

CompiledAttention::Kernel KernelCache::make(KernelSource source, bool cache_only) {
  const DeviceProperties& device = device_->properties();
  const std::string& name = source.manifest.name;
  auto [build, key, compiled] = buildThrough(store(), source.cuda, name, device.arch,
                                             device.emulated ? Image::Kind::Ptx : Image::Kind::Cubin, cache_only);
  {
    const std::scoped_lock lock(mutex_);
    ++(compiled ? counters_.compiles : counters_.loads);
    made_.insert_or_assign(std::move(key.text), std::move(key.variant));
  }
  auto loaded = device_->load(build.image, name);
  std::vector<BoundParameter> parameters = bind(source.manifest);
  return {std::move(source), std::move(parameters), std::move(loaded), 0, compiled ? build.log.milliseconds : 0};
}

cache::EntryStore& KernelCache::store() {
  const std::scoped_lock lock(mutex_);
  if (!store_) {
    cache::StoreOptions options =
        kernelStore(options_.folder ? std::filesystem::path(*options_.folder) : cache::userCacheFolder());
    options.warn = options_.warn;
    store_ = std::make_unique<cache::EntryStore>(std::move(options));
  }
  return *store_;
}

void KernelCache::addTo(cache::BundleWriter& bundle) {
  std::map<std::string, std::string> made;
  {
    const std::scoped_lock lock(mutex_);
    made = made_;
  }
  for (auto& [text, variant] : made) {
    cache::Key key{text, variant};
    if (auto payload = store().get(key)) // else somebody has cleared the cache since
      bundle.add(store(), std::move(key), *std::move(payload));
  }
}

CacheCounters KernelCache::counters() const {
  const std::scoped_lock lock(mutex_);
  CacheCounters counters = counters_;
  if (store_)
    counters.waits += store_->counters().waits;
  return counters;
}

} // namespace attune
