#include "runtime/schedules/TunedSchedules.h"

#include "runtime/cache/Paths.h"
#include "runtime/schedules/Content.h"
#include "runtime/schedules/Untuned.h"

namespace attune::schedules {

TunedSchedules::TunedSchedules(cache::StoreOptions options) : options_(std::move(options)) {
  options_.read_only = true;
}

RecordStore& TunedSchedules::store() const {
  if (!store_)
    store_ = std::make_unique<RecordStore>(options_);
  return *store_;
}

std::optional<Record> TunedSchedules::record(const AttentionSpec& spec, const Problem& problem,
                                             const DeviceProperties& device) const {
  const std::scoped_lock lock(mutex_);
  return store().find(spec, bucketOf(problem), deviceClass(device), toText(Policy{}));
}

std::shared_ptr<const TunedSchedules::Found> TunedSchedules::find(const AttentionSpec& spec, const Problem& problem,
                                                                  const DeviceProperties& device) const {
  const Problem bucket = bucketOf(problem);
  const std::string where = deviceClass(device);
  Content key = contentOf(spec);
  key.add(bucket.batch), key.add(bucket.q_len), key.add(bucket.kv_len), key.add(std::string_view(where));
  const std::scoped_lock lock(mutex_); // also while it reads: once per bucket
  if (const auto known = buckets_.find(key.bytes()); known != buckets_.end())
    return known->second;
  std::shared_ptr<const Found> found;
  if (const auto record = store().find(spec, bucket, where, toText(Policy{})))
    found.reset(new Found{keyOf(*record), {findings(*record), record->shape, spec, machineOf(device)}});
  return buckets_.emplace(key.bytes(), std::move(found)).first->second;
}

ScheduleProvider::Choice TunedSchedules::decide(const AttentionSpec& spec, const Problem& problem,
                                                const DeviceProperties& device, int splits) const {
  std::optional<Choice> choice;
  if (splits == 0 && !spec.batch_invariant)
    if (const auto found = find(spec, problem, device))
      choice = found->adapter.at(problem);
  return choice ? *choice : untuned(spec, problem, device, splits);
}

void TunedSchedules::addTo(cache::BundleWriter& bundle) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& [text, found] : buckets_)
    if (found)
      if (auto payload = store().entries().get(found->key)) // else somebody has cleared the cache since
        bundle.add(store().entries(), found->key, *std::move(payload));
}

cache::EntryStore& TunedSchedules::writable() const {
  const std::scoped_lock lock(mutex_);
  if (!store_ || store_->entries().options().read_only) {
    cache::StoreOptions options = options_;
    options.read_only = false;
    store_ = std::make_unique<RecordStore>(std::move(options));
  }
  return store_->entries();
}

void TunedSchedules::looksAgain() const {
  {
    const std::scoped_lock lock(mutex_);
    buckets_.clear();
  }
  forget();
}

} // namespace attune::schedules

namespace attune {

std::shared_ptr<const ScheduleProvider> tunedSchedules(CacheOptions cache) {
  cache::StoreOptions options =
      schedules::tuningStore(cache.folder ? std::filesystem::path(*cache.folder) : cache::userCacheFolder());
  if (cache.folder && cache.folder->empty())
    options.system.clear(); // nowhere
  options.warn = std::move(cache.warn);
  return std::make_shared<schedules::TunedSchedules>(std::move(options));
}

} // namespace attune
