#pragma once

#include "runtime/schedules/Record.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace attune::schedules {

/// The options of the store of records below a folder, with the installed tiers behind it.
cache::StoreOptions tuningStore(const std::filesystem::path& folder);

/// Tuning records: many processes share them, and none of them waits for another.
class RecordStore {
public:
  explicit RecordStore(cache::StoreOptions options) : store_(std::move(options)) {}

  /// The best record there is: measured under `policy`, else measured under another, else estimated. Incomplete ones
  /// only if `incomplete_too`.
  std::optional<Record> find(const AttentionSpec& spec, const Problem& bucket, const std::string& device_class,
                             const std::string& policy, bool incomplete_too = false);
  /// Replaces the record of the same key. An estimate never replaces a measurement: they are different entries. False
  /// if it is kept in memory only.
  bool publish(const Record& record);

  cache::EntryStore& entries() { return store_; }

private:
  cache::EntryStore store_;
};

} // namespace attune::schedules
