#pragma once

#include "runtime/cache/EntryStore.h"
#include "runtime/schedules/RecordStore.h"

#include <array>
#include <chrono>
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
  // The same in columns; of a damaged entry they are empty.
  std::string name;     ///< "attention_forward", "batch=1 q_len=1 kv_len=8192, estimate"
  std::string target;   ///< "sm_90a", "sm_90a, 132 multiprocessors"
  std::string spec;     ///< in words
  std::string schedule; ///< in words; of the combine kernel none

  std::chrono::system_clock::time_point lastUsed() const; ///< within an hour
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
  std::size_t lost = 0;    ///< to be taken, but our folder takes nothing
  std::size_t damaged = 0; ///< of theirs, and passed over
  MergeReport& operator+=(const MergeReport& other);
};
/// Takes the sound entries of another cache, under importRules(). Throws UserError if there is no such folder.
MergeReport mergeInto(Stores& stores, const std::filesystem::path& folder);

/// Records that are in one cache only, or choose otherwise: [{record, here, there}].
nlohmann::json difference(Stores& stores, const std::filesystem::path& folder);

} // namespace attune::cli
