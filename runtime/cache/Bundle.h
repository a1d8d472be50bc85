#pragma once

#include "runtime/cache/EntryStore.h"

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace attune::cache {

/// How entries of others come into a store.
struct ImportRules {
  /// Refuses an entry by throwing.
  std::function<void(const EntryStore& store, const EntryInfo& entry)> check{};
  /// Whether the payload that is there stays, though another comes for its key. Default: the new one goes before.
  std::function<bool(const EntryStore& store, std::string_view ours, std::string_view theirs)> stays{};
};

enum class Taken {
  New,
  Replaced,
  Same,
  Stayed,
  InMemory ///< new or better, but the store's folder takes nothing: this process alone has it
};
/// Puts another's entry into a store. The rules' check has passed it.
Taken take(EntryStore& store, const EntryInfo& entry, const ImportRules& rules);

struct BundleReport {
  std::size_t entries = 0;   ///< written to the bundle, or taken from it
  std::size_t known = 0;     ///< import: there before, the same or a better one
  std::size_t in_memory = 0; ///< import: of those taken, what the folders took not: they end with the process
  std::size_t foreign = 0;   ///< import: of a kind or schema that no store has
};

/// A bundle that is being written, in memory.
class BundleWriter {
public:
  void add(const EntryStore& store, Key key, std::string payload);
  std::size_t entries() const { return entries_; }
  std::string finish() &&;

private:
  std::string payload_;
  std::size_t entries_ = 0;
};

/// Every sound entry of the stores, of all tiers (user before system), in one file to ship (".attune"). Throws
/// UserError if it cannot be written.
BundleReport exportBundle(std::span<EntryStore* const> stores, const std::filesystem::path& file);

/// Puts the entries of a bundle in memory into the stores of their kinds, as importBundle(file) does. `name` is what
/// messages call it.
BundleReport importBundle(std::span<EntryStore* const> stores, std::string_view bytes, std::string_view name,
                          const ImportRules& rules = {});

/// Puts the entries of a bundle into the stores of their kinds. The whole file is checked before the first entry is
/// taken. Throws UserError if it is damaged or no bundle, and what the rules' check throws.
BundleReport importBundle(std::span<EntryStore* const> stores, const std::filesystem::path& file,
                          const ImportRules& rules = {});

} // namespace attune::cache
