#pragma once

#include "runtime/cache/EntryStore.h"
#include "runtime/schedules/RecordStore.h"

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace attune::cli {

/// An entry of either store, as people see it.
struct Entry {
  cache::EntryInfo info;
  std::string kind; ///< "kernel", "tuning"
  std::string
      title; ///< "attention_forward sm_90a", "bf16 28/4 heads, 128, batch=1 q_len=1 kv_len=8192, NVIDIA H200, ..."
};

/// The stores below one folder.
class Stores {
public:
  explicit Stores(const std::filesystem::path& folder);
  std::array<cache::EntryStore*, 2> all() { return {&kernels, &tuning.entries()}; }
  std::vector<Entry> entries(); ///< payloads included

  cache::EntryStore kernels;
  schedules::RecordStore tuning;
};

nlohmann::json toJson(const Entry& entry, bool whole);
bool matches(const Entry& entry, const std::string& part);

struct MergeReport {
  std::size_t taken = 0, known = 0, replaced = 0, worse = 0;
  MergeReport& operator+=(const MergeReport& other);
};
/// Takes the sound entries of another cache, under importRules(). Throws UserError if there is no such folder.
MergeReport mergeInto(Stores& stores, const std::filesystem::path& folder);

/// Records that are in one cache only, or choose otherwise: [{record, here, there}].
nlohmann::json difference(Stores& stores, const std::filesystem::path& folder);

} // namespace attune::cli
