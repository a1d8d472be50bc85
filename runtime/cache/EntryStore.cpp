#include "runtime/cache/EntryStore.h"

#include "runtime/cache/EntryFile.h"

#include <algorithm>
#include <cstdio>

namespace attune::cache {

namespace {

std::string prefixOf(const Key& key) { return digestOf(key.text) + "-"; }
std::string nameOf(const Key& key) { return prefixOf(key) + digestOf(key.variant).substr(0, 16); }

std::string kindOf(const StoreOptions& options) { return options.kind + "-v" + std::to_string(options.schema); }

} // namespace

EntryStore::EntryStore(StoreOptions options) : options_(std::move(options)) {
  std::string why;
  if (!options_.user.empty()) {
    user_ = Folder::open(options_.user, kindOf(options_), !options_.read_only, why);
    if (!user_ && !why.empty())
      warnOnce("folder",
               "cache folder " + options_.user.string() + " is not used: " + why + "; entries stay in memory");
  }
  for (const std::filesystem::path& tier : options_.system) // most machines have none
    if (auto folder = Folder::open(tier, kindOf(options_), false, why))
      system_.push_back(std::move(folder));
}

EntryStore::~EntryStore() = default;

std::filesystem::path EntryStore::folder() const { return user_ ? user_->path() : std::filesystem::path(); }

StoreCounters EntryStore::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

void EntryStore::warnOnce(std::string_view subject, std::string_view text) const {
  {
    const std::scoped_lock lock(mutex_);
    if (!warned_.try_emplace(std::string(subject), true).second)
      return;
  }
  if (options_.warn)
    options_.warn(text);
  else
    std::fprintf(stderr, "attune: %.*s\n", static_cast<int>(text.size()), text.data());
}

std::optional<std::string> EntryStore::read(const Folder& folder, const std::string& name, const Key& key, Tier tier) {
  std::string why;
  const std::optional<std::string> bytes = folder.read(name, why);
  std::optional<Entry> entry;
  if (bytes)
    entry = decode(*bytes, why);
  if (entry && entry->key == key.text && entry->variant == key.variant)
    return std::move(entry->payload);
  if (entry)
    why = "it has another key";
  if (!why.empty())
    warnOnce("damage", "cache entry " + (folder.path() / name.substr(0, 2) / name).string() + " is not used: " + why +
                           (tier == Tier::User && !options_.read_only ? "; it is made anew" : ""));
  return std::nullopt;
}

std::optional<std::string> EntryStore::find(const Key& key) {
  const std::string name = nameOf(key);
  {
    const std::scoped_lock lock(mutex_);
    if (const auto kept = memory_.find(name); kept != memory_.end())
      return kept->second.payload;
  }
  std::optional<std::string> payload;
  if (user_)
    payload = read(*user_, name, key, Tier::User);
  for (std::size_t n = 0; !payload && n < system_.size(); ++n)
    payload = read(*system_[n], name, key, Tier::System);
  return payload;
}

std::optional<std::string> EntryStore::get(const Key& key) {
  std::optional<std::string> payload = find(key);
  const std::scoped_lock lock(mutex_);
  ++(payload ? counters_.hits : counters_.misses);
  return payload;
}

std::optional<std::string> EntryStore::getAny(const Key& key, std::string& variant) {
  variant = key.variant;
  std::optional<std::string> payload = find(key);
  const auto search = [&](const Folder& folder) {
    std::optional<Entry> best;
    for (const std::string& name : folder.names(prefixOf(key))) {
      std::string why;
      const auto bytes = folder.read(name, why);
      auto entry = bytes ? decode(*bytes, why) : std::nullopt;
      if (entry && entry->key == key.text && (!best || entry->variant > best->variant))
        best = std::move(entry);
    }
    if (best) {
      variant = std::move(best->variant);
      payload = std::move(best->payload);
    }
  };
  if (!payload) {
    const std::string prefix = prefixOf(key);
    const std::scoped_lock lock(mutex_);
    const Kept* best = nullptr;
    for (auto at = memory_.lower_bound(prefix); at != memory_.end() && at->first.starts_with(prefix); ++at)
      if (!best || at->second.variant > best->variant)
        best = &at->second;
    if (best)
      variant = best->variant, payload = best->payload;
  }
  if (!payload && user_)
    search(*user_);
  for (std::size_t n = 0; !payload && n < system_.size(); ++n)
    search(*system_[n]);
  const std::scoped_lock lock(mutex_);
  ++(payload ? counters_.hits : counters_.misses);
  return payload;
}

bool EntryStore::put(const Key& key, std::string_view payload) {
  const std::string name = nameOf(key);
  if (const Folder* const user = writable()) {
    const std::string bytes = encode({key.text, key.variant, std::string(payload)});
    makeRoom(bytes.size());
    std::string why;
    if (user->write(name, bytes, why)) {
      const std::scoped_lock lock(mutex_);
      memory_.erase(name);
      return true;
    }
    warnOnce("folder", "cache folder " + user->path().string() + " takes no entries: " + why + "; they stay in memory");
  }
  const std::scoped_lock lock(mutex_);
  memory_.insert_or_assign(name, Kept{key.variant, std::string(payload)});
  return false;
}

std::string EntryStore::getOrMake(const Key& key, const std::function<std::string()>& make) {
  if (auto payload = get(key))
    return std::move(*payload);
  std::optional<std::string> others;
  std::optional<KeyLock> lock;
  if (const Folder* const user = writable()) {
    lock.emplace(*user, nameOf(key), options_.lock_timeout, [&] { return (others = find(key)).has_value(); });
    if (!others) // between our look and the lock another may have come and gone
      others = find(key);
    if (lock->waited()) {
      const std::scoped_lock counting(mutex_);
      ++counters_.waits;
    }
    if (others)
      return std::move(*others);
    if (lock->waited() && !lock->held())
      warnOnce("timeout", "another process takes longer than " + std::to_string(options_.lock_timeout.count()) +
                              " ms for a cache entry: it is made here too");
  }
  std::string payload = make();
  put(key, payload);
  return payload;
}

std::vector<EntryInfo> EntryStore::list(bool payloads) const {
  std::vector<EntryInfo> entries;
  const auto add = [&](const Folder& folder, Tier tier) {
    for (const Folder::File& file : folder.files()) {
      EntryInfo info{.path = folder.path() / file.name.substr(0, 2) / file.name,
                     .bytes = file.bytes,
                     .last_used = file.last_used,
                     .tier = tier};
      const auto bytes = folder.read(file.name, info.damage, Folder::Purpose::Look);
      if (auto entry = bytes ? decode(*bytes, info.damage) : std::nullopt) {
        info.key = {std::move(entry->key), std::move(entry->variant)};
        if (nameOf(info.key) != file.name)
          info.damage = "it has another key than its name says";
        else if (payloads)
          info.payload = std::move(entry->payload);
      }
      entries.push_back(std::move(info));
    }
  };
  if (user_)
    add(*user_, Tier::User);
  for (const auto& folder : system_)
    add(*folder, Tier::System);
  return entries;
}

bool EntryStore::remove(const Key& key) {
  const std::scoped_lock lock(mutex_);
  const bool kept = memory_.erase(nameOf(key)) == 1;
  const Folder* const user = writable();
  return (user && user->remove(nameOf(key))) || kept;
}

std::vector<EntryInfo> EntryStore::prune(std::uint64_t max_bytes) {
  std::vector<EntryInfo> removed;
  if (!writable())
    return removed;
  user_->sweep(options_.stale_age);
  std::vector<EntryInfo> entries = list();
  std::erase_if(entries, [](const EntryInfo& e) { return e.tier != Tier::User; });
  std::ranges::sort(entries, [](const EntryInfo& a, const EntryInfo& b) { // damaged first, then the oldest
    return std::pair(a.damage.empty(), a.last_used) < std::pair(b.damage.empty(), b.last_used);
  });
  std::uint64_t total = 0;
  for (const EntryInfo& entry : entries)
    total += entry.bytes;
  for (EntryInfo& entry : entries) {
    if (entry.damage.empty() && total <= max_bytes)
      break;
    total -= entry.bytes;
    if (user_->remove(entry.path.filename().string()))
      removed.push_back(std::move(entry));
  }
  const std::scoped_lock lock(mutex_);
  size_ = total;
  return removed;
}

void EntryStore::makeRoom(std::uint64_t added) {
  bool first = false, full = false;
  {
    const std::scoped_lock lock(mutex_);
    first = !size_;
    if (first)
      size_ = 0;
    else
      full = (*size_ += added) > options_.max_bytes;
  }
  if (first) { // once per process: what others left behind, and how much there is
    user_->sweep(options_.stale_age);
    std::uint64_t total = added;
    for (const Folder::File& file : user_->files())
      total += file.bytes;
    const std::scoped_lock lock(mutex_);
    full = (*size_ += total) > options_.max_bytes;
  }
  if (full)
    prune(options_.max_bytes / 5 * 4); // some room, so that the next put need not look again
}

} // namespace attune::cache
