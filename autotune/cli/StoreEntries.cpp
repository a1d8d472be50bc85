#include "autotune/cli/StoreEntries.h"

#include "attune/compiler/Error.h"
#include "runtime/engine/KernelStore.h"

#include <map>
#include <numeric>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

using schedules::Record;

namespace {

std::string titleOf(const Record& r) {
  const AttentionSpec& s = r.spec;
  return fmt::format("{} {}/{} heads, head dim {}, {}, {}, {}", s.dtype == DType::BF16 ? "bf16" : "fp16", s.q_heads,
                     s.kv_heads, s.head_dim, schedules::toText(r.shape), r.device_class, schedules::toText(r.effort));
}

std::filesystem::path checkedFolder(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    throw UserError(UserError::Kind::Invalid, fmt::format("cache '{}'", folder.string()), "there is no such folder",
                    "give what ATTUNE_CACHE_DIR was there");
  return folder;
}

int samplesOf(const Record& r) {
  return std::accumulate(r.trials.begin(), r.trials.end(), 0,
                         [](int sum, const schedules::Trial& t) { return sum + t.timing.samples; });
}

auto worth(const Record& r) { return std::tuple(r.complete, r.effort, samplesOf(r)); }

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

void checkImported(const cache::EntryStore& store, const cache::EntryInfo& entry) {
  const bool is_record = store.options().kind == "tuning";
  if (is_record ? schedules::recordFromPayload(entry.payload).has_value() : fromPayload(entry.payload).has_value())
    return;
  throw UserError(UserError::Kind::Invalid, fmt::format("bundle entry '{}'", entry.key.text.substr(0, 80)),
                  fmt::format("it is no {}", is_record ? "tuning record" : "compiled kernel"),
                  "export the bundle again, with this version");
}

MergeReport& MergeReport::operator+=(const MergeReport& o) {
  taken += o.taken, known += o.known, replaced += o.replaced, worse += o.worse;
  return *this;
}

MergeReport mergeInto(Stores& stores, const std::filesystem::path& folder) {
  cache::EntryStore kernels(withoutSystem(kernelStore(checkedFolder(folder))));
  cache::EntryStore tuning(withoutSystem(schedules::tuningStore(folder)));
  MergeReport report;
  for (const cache::EntryInfo& theirs : kernels.list(true))
    if (theirs.damage.empty() && fromPayload(theirs.payload)) {
      if (stores.kernels.get(theirs.key)) // found by its content: it is the same
        ++report.known;
      else
        report.taken += stores.kernels.put(theirs.key, theirs.payload);
    }
  for (const cache::EntryInfo& theirs : tuning.list(true)) {
    const auto record = theirs.damage.empty() ? schedules::recordFromPayload(theirs.payload) : std::nullopt;
    if (!record)
      continue;
    const auto payload = stores.tuning.entries().get(theirs.key);
    const auto ours = payload ? schedules::recordFromPayload(*payload) : std::nullopt;
    if (payload == theirs.payload)
      ++report.known;
    else if (ours && worth(*ours) >= worth(*record))
      ++report.worse;
    else
      ++(ours ? report.replaced : report.taken), stores.tuning.entries().put(theirs.key, theirs.payload);
  }
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
