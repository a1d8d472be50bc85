#include "autotune/cli/StoreEntries.h"

#include "autotune/cli/Words.h"

#include "attune/compiler/Error.h"
#include "runtime/engine/Imports.h"
#include "runtime/engine/KernelStore.h"

#include <map>

#include <fmt/chrono.h>
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

std::chrono::system_clock::time_point Entry::lastUsed() const {
  return std::chrono::time_point_cast<std::chrono::system_clock::duration>(
      std::chrono::file_clock::to_sys(info.last_used));
}

std::vector<Entry> Stores::entries() {
  std::vector<Entry> found;
  const auto add = [&](cache::EntryInfo& info, const char* kind) -> Entry& {
    return found.emplace_back(Entry{.info = std::move(info), .kind = kind});
  };
  for (cache::EntryInfo& info : kernels.list(/*payloads=*/true)) {
    Entry& e = add(info, "kernel");
    if (const auto kernel = fromPayload(e.info.payload)) {
      const KernelWords words = wordsOf(e.info.key.text);
      e.title = kernel->name + " " + kernel->arch;
      e.name = kernel->name, e.target = kernel->arch, e.spec = words.spec, e.schedule = words.schedule;
    } else if (e.info.damage.empty()) {
      e.info.damage = "no kernel";
    }
  }
  for (cache::EntryInfo& info : tuning.entries().list(/*payloads=*/true)) {
    Entry& e = add(info, "tuning");
    if (const auto record = schedules::recordFromPayload(e.info.payload)) {
      e.title = titleOf(*record);
      e.name = fmt::format("{}, {}", schedules::toText(record->shape), schedules::toText(record->effort));
      e.target = record->device_class, e.spec = inWords(record->spec);
      e.schedule = attune::inWords(record->chosen.schedule);
      if (record->chosen.schedule.split_kv)
        e.schedule += fmt::format(", {} chunks of the keys", record->chosen.splits);
    } else if (e.info.damage.empty()) {
      e.info.damage = "no record";
    }
  }
  for (Entry& e : found)
    if (e.title.empty())
      e.title = e.info.path.filename().string();
  return found;
}

nlohmann::json toJson(const Entry& e, bool whole) {
  nlohmann::json j = {{"kind", e.kind},
                      {"title", e.title},
                      {"path", e.info.path.string()},
                      {"bytes", e.info.bytes},
                      {"last_used", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                                                fmt::gmtime(std::chrono::system_clock::to_time_t(e.lastUsed())))},
                      {"tier", e.info.tier == cache::Tier::User ? "user" : "system"},
                      {"damaged", !e.info.damage.empty()}};
  if (!e.info.damage.empty()) {
    j["damage"] = e.info.damage;
    return j;
  }
  j.update({{"name", e.name}, {"for", e.target}, {"spec", e.spec}, {"schedule", e.schedule}});
  if (const auto record = e.kind == "tuning" ? schedules::recordFromPayload(e.info.payload) : std::nullopt) {
    j["chosen"] = schedules::toText(record->chosen);
    j["effort"] = schedules::toText(record->effort);
    j["complete"] = record->complete;
    if (whole)
      j["record"] = nlohmann::json::parse(e.info.payload);
  }
  if (e.kind == "kernel")
    j["arch"] = e.target;
  if (const auto kernel = e.kind == "kernel" && whole ? fromPayload(e.info.payload) : std::nullopt) {
    const KernelResources r = kernel->build.log.resources.value_or(KernelResources{});
    j.update({{"compiler", e.info.key.variant},
              {"image_bytes", kernel->build.image.bytes.size()},
              {"registers", r.registers},
              {"spill_bytes", r.spill_bytes},
              {"warnings", kernel->build.log.warnings}});
  }
  return j;
}

bool matches(const Entry& e, const std::string& part) {
  return (e.title + "\n" + e.spec + "\n" + e.schedule + "\n" + e.info.key.text + "\n" + e.info.path.string())
             .find(part) != std::string::npos;
}

MergeReport& MergeReport::operator+=(const MergeReport& o) {
  taken += o.taken, known += o.known, replaced += o.replaced, worse += o.worse, lost += o.lost, damaged += o.damaged;
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
    case cache::Taken::InMemory:
      ++report.lost;
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
    else
      ++report.damaged;
  for (const cache::EntryInfo& theirs : tuning.list(true))
    if (theirs.damage.empty() && schedules::recordFromPayload(theirs.payload))
      take(stores.tuning.entries(), theirs);
    else
      ++report.damaged;
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
