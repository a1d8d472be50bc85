#pragma once

#include "runtime/cache/Bundle.h"
#include "runtime/schedules/RecordStore.h"
#include "runtime/schedules/RememberedSchedules.h"

#include <memory>
#include <mutex>
#include <optional>

namespace attune::schedules {

/// Stored choices for the engine: those of the shape's bucket, adapted to the shape. Where there is no record, and for
/// what records do not decide (a chunk count that the caller fixed, batch_invariant), the untuned choice. A bucket is
/// looked up once: what is recorded later is found by the next of these.
class TunedSchedules final : public RememberedSchedules {
public:
  /// The store is opened when it is first asked, and only read.
  explicit TunedSchedules(cache::StoreOptions options);

  /// The record that decides, if one does.
  std::optional<Record> record(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device) const;

  /// Adds the records that have decided something to a bundle.
  void addTo(cache::BundleWriter& bundle) const;
  /// The store that takes a bundle's records: from now on it is one that can be written. After that, looksAgain().
  cache::EntryStore& writable() const;
  void looksAgain() const;

private:
  /// What decides in a bucket.
  struct Found {
    cache::Key key;
    Adapter adapter;
  };
  Choice decide(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                int splits) const override;
  std::shared_ptr<const Found> find(const AttentionSpec& spec, const Problem& problem,
                                    const DeviceProperties& device) const;
  RecordStore& store() const;

  cache::StoreOptions options_;
  mutable std::mutex mutex_; ///< of what follows
  mutable std::unique_ptr<RecordStore> store_;
  mutable ByContent<std::shared_ptr<const Found>> buckets_; ///< by spec, bucket and device class; null: no record
};

} // namespace attune::schedules
