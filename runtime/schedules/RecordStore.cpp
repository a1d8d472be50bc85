#include "runtime/schedules/RecordStore.h"

#include "runtime/cache/Paths.h"

namespace attune::schedules {

cache::StoreOptions tuningStore(const std::filesystem::path& folder) {
  return {.kind = "tuning", .schema = 1, .user = folder, .system = cache::systemCacheFolders()};
}

std::optional<Record> RecordStore::find(const AttentionSpec& spec, const Problem& bucket,
                                        const std::string& device_class, const std::string& policy,
                                        bool incomplete_too) {
  const auto read = [&](const std::optional<std::string>& payload) -> std::optional<Record> {
    std::optional<Record> record = payload ? recordFromPayload(*payload) : std::nullopt;
    if (record && (record->complete || incomplete_too))
      return record;
    return std::nullopt;
  };
  const cache::Key key = keyOf(spec, bucket, device_class, policy);
  if (auto record = read(store_.get(key)))
    return record;
  std::string variant;
  if (auto record = read(store_.getAny(key, variant)))
    return record;
  return read(store_.get(keyOf(spec, bucket, device_class, std::string(toText(Effort::Estimate)))));
}

bool RecordStore::publish(const Record& record) { return store_.put(keyOf(record), toPayload(record)); }

} // namespace attune::schedules
