#include "autotune/cli/StoreEntries.h"

#include "attune/compiler/Error.h"
#include "runtime/engine/Imports.h"
#include "runtime/engine/KernelStore.h"

#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

using schedules::Record;

namespace {

std::string titleOf(const Record& r) {
  const AttentionSpec& s = r.spec;
  return fmt::format("{} {}/{} heads, head dim {}, {}, {}, {}", dtypeName(s.dtype), s.q_heads, s.kv_heads, s.head_dim,
                     schedules::toText(r.shape), r.device_class, schedules::toText(r.effort));
}

std::filesystem::path checkedFolder(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    throw UserError(UserError::Kind::Invalid, fmt::format("cache '{}'", folder.string()), "there is no such folder",
                    "give what ATTUNE_CACHE_DIR was there");
  return folder;
}

cache::StoreOptions withoutSystem(cache::StoreOptions options) {
  options.system.clear();
  return options;
}

} // namespace

Stores::Stores(const std::filesystem::path& folder)
    : kernels(kernelStore(folder)), tuning(schedules::tuningStore(folder)) {}

std::vector<Entry> Stores::entries() {
  std::vector<Entry> found;
  for (cache::EntryInfo& info : kernels.list(/*payloads=*/true)) {
    const auto kernel = fromPayload(info.payload);
    if (info.damage.empty() && !kernel)
      info.damage = "no kernel";
    found.push_back({info, "kernel", kernel ? kernel->name + " " + kernel->arch : info.path.filename().string()});
  }
  for (cache::EntryInfo& info : tuning.entries().list(/*payloads=*/true)) {
    const auto record = schedules::recordFromPayload(info.payload);
    if (info.damage.empty() && !record)
      info.damage = "no record";
    found.push_back({info, "tuning", record ? titleOf(*record) : info.path.filename().string()});
  }
  return found;
}

nlohmann::json toJson(const Entry& e, bool whole) {
  nlohmann::json j = {{"kind", e.kind},
                      {"title", e.title},
                      {"path", e.info.path.string()},
                      {"bytes", e.info.bytes},
                      {"tier", e.info.tier == cache::Tier::User ? "user" : "system"},
                      {"damaged", !e.info.damage.empty()}};
  if (!e.info.damage.empty()) {
    j["damage"] = e.info.damage;
    return j;
  }
  if (const auto record = e.kind == "tuning" ? schedules::recordFromPayload(e.info.payload) : std::nullopt) {
    j["chosen"] = schedules::toText(record->chosen);
    j["effort"] = schedules::toText(record->effort);
    j["complete"] = record->complete;
    if (whole)
      j["record"] = nlohmann::json::parse(e.info.payload);
  }
  if (const auto kernel = e.kind == "kernel" && whole ? fromPayload(e.info.payload) : std::nullopt) {
    const KernelResources r = kernel->build.log.resources.value_or(KernelResources{});
    j.update({{"name", kernel->name},
              {"arch", kernel->arch},
              {"compiler", e.info.key.variant},
              {"image_bytes", kernel->build.image.bytes.size()},
              {"registers", r.registers},
              {"spill_bytes", r.spill_bytes},
              {"warnings", kernel->build.log.warnings}});
  }
  return j;
}

bool matches(const Entry& e, const std::string& part) {
  return (e.title + "\n" + e.info.key.text + "\n" + e.info.path.string()).find(part) != std::string::npos;
}

MergeReport& MergeReport::operator+=(const MergeReport& o) {
  taken += o.taken, known += o.known, replaced += o.replaced, worse += o.worse;
  return *this;
}

MergeReport mergeInto(Stores& stores, const std::filesystem::path& folder) {
  cache::EntryStore kernels(withoutSystem(kernelStore(checkedFolder(folder))));
  cache::EntryStore tuning(withoutSystem(schedules::tuningStore(folder)));
  MergeReport report;
  const auto take = [&](cache::EntryStore& to, const cache::EntryInfo& theirs) {
    switch (cache::take(to, theirs, importRules())) {
    case cache::Taken::New:
      ++report.taken;
      break;
    case cache::Taken::Replaced:
      ++report.replaced;
      break;
    case cache::Taken::Same:
      ++report.known;
      break;
    case cache::Taken::Stayed:
      ++(&to == &stores.kernels ? report.known : report.worse);
      break;
    }
  };
  for (const cache::EntryInfo& theirs : kernels.list(true))
    if (theirs.damage.empty() && fromPayload(theirs.payload))
      take(stores.kernels, theirs);
  for (const cache::EntryInfo& theirs : tuning.list(true))
    if (theirs.damage.empty() && schedules::recordFromPayload(theirs.payload))
      take(stores.tuning.entries(), theirs);
  return report;
}

nlohmann::json difference(Stores& stores, const std::filesystem::path& folder) {
  std::map<std::string, std::array<std::string, 2>> chosen; // by title
  const auto collect = [&](const cache::EntryStore& store, std::size_t side) {
    for (const cache::EntryInfo& info : store.list(true))
      if (const auto record = info.damage.empty() ? schedules::recordFromPayload(info.payload) : std::nullopt)
        chosen[titleOf(*record) + " " + specToJson(record->spec)][side] = schedules::toText(record->chosen);
  };
  collect(stores.tuning.entries(), 0);
  collect(cache::EntryStore(withoutSystem(schedules::tuningStore(checkedFolder(folder)))), 1);
  nlohmann::json all = nlohmann::json::array();
  const auto side = [](const std::string& text) { return text.empty() ? nlohmann::json() : nlohmann::json(text); };
  for (const auto& [title, sides] : chosen)
    if (sides[0] != sides[1])
      all.push_back({{"record", title}, {"here", side(sides[0])}, {"there", side(sides[1])}});
  return all;
}

} // namespace attune::cli
