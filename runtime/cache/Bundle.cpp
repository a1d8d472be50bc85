#include "runtime/cache/Bundle.h"

#include "attune/compiler/Error.h"
#include "runtime/cache/EntryFile.h"
#include "runtime/io/WholeFile.h"

#include <algorithm>
#include <set>

namespace attune::cache {

namespace {

// A bundle is an entry whose payload is entries: the store's digest covers each, its own covers them all.
constexpr std::string_view bundle_key = "attune bundle 1";

/// The store that an entry belongs to, as the bundle names it.
std::string label(const EntryStore& store) {
  return store.options().kind + "-v" + std::to_string(store.options().schema);
}

void append(std::string& bytes, std::string_view part) {
  bytes += std::to_string(part.size());
  bytes += '\n';
  bytes += part;
}

[[noreturn]] void damaged(std::string_view name, const std::string& why) {
  throw UserError(UserError::Kind::Invalid, "bundle '" + std::string(name) + "'", why,
                  "export it again, or copy it again from where it came from");
}

std::string_view take(std::string_view& bytes, std::string_view name) {
  const std::size_t line = bytes.substr(0, 20).find('\n');
  std::size_t length = 0;
  for (const char c : bytes.substr(0, std::min(line, std::size_t{19})))
    length = c >= '0' && c <= '9' ? length * 10 + static_cast<std::size_t>(c - '0') : bytes.size();
  if (line == std::string_view::npos || length > bytes.size() - line - 1)
    damaged(name, "its lengths do not add up");
  const std::string_view part = bytes.substr(line + 1, length);
  bytes.remove_prefix(line + 1 + length);
  return part;
}

} // namespace

void BundleWriter::add(const EntryStore& store, Key key, std::string payload) {
  append(payload_, label(store));
  append(payload_, encode({std::move(key.text), std::move(key.variant), std::move(payload)}));
  ++entries_;
}

std::string BundleWriter::finish() && { return encode({std::string(bundle_key), "", std::move(payload_)}); }

BundleReport exportBundle(std::span<EntryStore* const> stores, const std::filesystem::path& file) {
  BundleWriter bundle;
  for (const EntryStore* store : stores) {
    std::set<std::pair<std::string, std::string>> seen;
    for (EntryInfo& entry : store->list(true))
      if (entry.damage.empty() && seen.emplace(entry.key.text, entry.key.variant).second)
        bundle.add(*store, std::move(entry.key), std::move(entry.payload));
  }
  const BundleReport report{.entries = bundle.entries()};
  const std::string bytes = std::move(bundle).finish();
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(bytes))};
  writeWhole(file, parts);
  return report;
}

Taken take(EntryStore& store, const EntryInfo& entry, const ImportRules& rules) {
  const auto ours = store.get(entry.key);
  if (ours == entry.payload)
    return Taken::Same;
  if (ours && rules.stays && rules.stays(store, *ours, entry.payload))
    return Taken::Stayed;
  if (!store.put(entry.key, entry.payload))
    return Taken::InMemory;
  return ours ? Taken::Replaced : Taken::New;
}

BundleReport importBundle(std::span<EntryStore* const> stores, const std::filesystem::path& file,
                          const ImportRules& rules) {
  const std::vector<std::byte> bytes = readWhole(file);
  return importBundle(stores, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.string(), rules);
}

BundleReport importBundle(std::span<EntryStore* const> stores, std::string_view bytes, std::string_view name,
                          const ImportRules& rules) {
  std::string why;
  const auto bundle = decode(bytes, why);
  if (!bundle)
    damaged(name, why);
  if (bundle->key != bundle_key)
    damaged(name, "it is no bundle");
  BundleReport report;
  std::vector<std::pair<EntryStore*, EntryInfo>> entries;
  for (std::string_view rest = bundle->payload; !rest.empty();) {
    const std::string_view kind = take(rest, name);
    auto entry = decode(take(rest, name), why);
    if (!entry)
      damaged(name, "an entry: " + why);
    const auto store = std::ranges::find_if(stores, [&](const EntryStore* s) { return label(*s) == kind; });
    if (store == stores.end()) {
      ++report.foreign;
      continue;
    }
    EntryInfo info{.key = {std::move(entry->key), std::move(entry->variant)}, .payload = std::move(entry->payload)};
    info.bytes = info.payload.size();
    if (rules.check)
      rules.check(**store, info);
    entries.emplace_back(*store, std::move(info));
  }
  for (auto& [store, entry] : entries) {
    const Taken how = take(*store, entry, rules);
    ++(how == Taken::Same || how == Taken::Stayed ? report.known : report.entries);
    report.in_memory += how == Taken::InMemory;
  }
  return report;
}

} // namespace attune::cache
