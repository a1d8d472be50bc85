#pragma once

#include "runtime/cache/Folder.h"
#include "runtime/cache/KeyLock.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune::cache {

/// What an entry is found by. `text` is the full canonical key; `variant` tells entries apart that serve the same text
/// (the compiler that made them). Both are stored and compared: a collision or a forgotten field is a miss.
struct Key {
  std::string text;
  std::string variant;
};

enum class Tier { User, System };

/// An entry as a listing shows it. Of a damaged one only path, size and tier are sure.
struct EntryInfo {
  Key key;
  std::string payload;
  std::filesystem::path path;
  std::uint64_t bytes = 0;                   ///< of the file
  std::filesystem::file_time_type last_used; ///< within an hour
  Tier tier = Tier::User;
  std::string damage; ///< why it is no entry; empty: it is one
};

struct StoreOptions {
  std::string kind;                                 ///< name of the subfolder: "kernels"
  unsigned schema = 1;                              ///< of keys and payloads: others have folders of their own
  std::filesystem::path user;                       ///< writable tier; empty: none, entries stay in memory
  bool read_only = false;                           ///< the user tier too: not created, and nothing is written
  std::vector<std::filesystem::path> system;        ///< read-only tiers, best first
  std::uint64_t max_bytes = std::uint64_t{4} << 30; ///< of the user tier; least recently used entries make room
  std::chrono::seconds stale_age{60};               ///< temporaries this old whose writer is gone are swept
  std::chrono::milliseconds lock_timeout = std::chrono::seconds(30);
  std::function<void(std::string_view)> warn; ///< default: a line on stderr
};

struct StoreCounters {
  std::uint64_t hits = 0, misses = 0, waits = 0; ///< waits: for another process that makes the same entry
};

/// A map from keys to payloads that many processes share, in self-contained files. It knows nothing of what it keeps.
/// README.md says what it promises. Thread-safe. Throws nothing but std::bad_alloc: any doubt about an entry is a miss.
class EntryStore {
public:
  explicit EntryStore(StoreOptions options);
  ~EntryStore();
  EntryStore(const EntryStore&) = delete;
  EntryStore& operator=(const EntryStore&) = delete;

  /// The user tier first, then the system tiers.
  std::optional<std::string> get(const Key& key);
  /// Of any variant: that of `key` if it is there, else the last in alphabetical order. Says which in `variant`.
  std::optional<std::string> getAny(const Key& key, std::string& variant);

  /// Publishes atomically; the last writer of a key wins. False if it is kept in memory only.
  bool put(const Key& key, std::string_view payload);

  /// The payload of `key`; `make` is called on a miss. Processes and threads that miss the same key wait for one to
  /// make it, at most lock_timeout. What `make` throws passes through, and the next one to ask tries again.
  std::string getOrMake(const Key& key, const std::function<std::string()>& make);

  /// Everything, damaged entries too; sorted by path. `payloads`: false leaves them out.
  std::vector<EntryInfo> list(bool payloads = false) const;
  bool remove(const Key& key);
  /// Removes damaged entries, stale temporaries and, least recently used first, what exceeds `max_bytes`. Returns what
  /// it removed.
  std::vector<EntryInfo> prune(std::uint64_t max_bytes);

  const StoreOptions& options() const { return options_; }
  /// `user`/kind-vN, where the entries are; empty if there is none.
  std::filesystem::path folder() const;
  StoreCounters counters() const;

private:
  struct Kept {
    std::string variant, payload;
  };
  /// The user tier, if it may be written.
  const Folder* writable() const { return options_.read_only ? nullptr : user_.get(); }
  std::optional<std::string> find(const Key& key);
  std::optional<std::string> read(const Folder& folder, const std::string& name, const Key& key, Tier tier);
  void makeRoom(std::uint64_t added);
  void warnOnce(std::string_view subject, std::string_view text) const;

  StoreOptions options_;
  std::unique_ptr<Folder> user_;
  std::vector<std::unique_ptr<Folder>> system_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, bool, std::less<>> warned_; ///< by subject
  std::map<std::string, Kept> memory_;                      ///< by name: what could not be written
  StoreCounters counters_;
  std::optional<std::uint64_t> size_; ///< of the user tier, as far as this process knows
};

} // namespace attune::cache
