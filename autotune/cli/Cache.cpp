#include "autotune/cli/Cli.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/StoreEntries.h"
#include "runtime/engine/Imports.h"

#include "attune/compiler/Error.h"
#include "compiler/spec/Nearest.h"
#include "runtime/cache/Bundle.h"
#include "runtime/cache/Paths.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

struct Options {
  std::string action;
  std::vector<std::string> arguments;
  std::uint64_t max_bytes = std::uint64_t{4} << 30;
};

/// One action's result: a document, and what to tell people.
struct Answer {
  nlohmann::json document;
  Exit exit = Exit::Done;
};

nlohmann::json list(const std::vector<Entry>& entries, bool whole) {
  nlohmann::json all = nlohmann::json::array();
  for (const Entry& entry : entries)
    all.push_back(toJson(entry, whole));
  return all;
}

void print(const std::vector<Entry>& entries) {
  Table table({"kind", "KiB", "last used", "tier", "state", "entry", "for", "spec", "schedule"});
  for (const Entry& e : entries)
    table.add({e.kind, fmt::format("{:.1f}", static_cast<double>(e.info.bytes) / 1024),
               fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(std::chrono::system_clock::to_time_t(e.lastUsed()))),
               e.info.tier == cache::Tier::User ? "user" : "system", e.info.damage.empty() ? "sound" : e.info.damage,
               e.name, e.target, e.spec, e.schedule});
  table.print();
}

Answer path(bool json) {
  nlohmann::json system = nlohmann::json::array();
  for (const auto& folder : cache::systemCacheFolders())
    system.push_back(folder.string());
  const std::string user = cache::userCacheFolder().string();
  if (!json)
    fmt::print("{}\n", user);
  return {{{"user", user}, {"system", system}}};
}

Answer listing(Stores& stores, bool json) {
  const std::vector<Entry> entries = stores.entries();
  if (!json)
    print(entries);
  return {{{"entries", list(entries, false)}}};
}

Answer show(Stores& stores, const std::string& what, bool json) {
  std::vector<Entry> entries = stores.entries();
  std::erase_if(entries, [&](const Entry& e) { return !matches(e, what); });
  if (entries.empty())
    throw UserError(UserError::Kind::Invalid, fmt::format("'{}'", what), "no entry's title, key or file contains it",
                    "see `attune cache list`");
  if (!json)
    for (const Entry& e : entries) {
      heading(e.title);
      fmt::print("  {}\n", e.info.path.string());
      excerpt(toJson(e, true).dump(2), 200);
    }
  return {{{"entries", list(entries, true)}}};
}

Answer verify(Stores& stores, bool json) {
  std::vector<Entry> entries = stores.entries();
  const std::size_t all = entries.size();
  std::erase_if(entries, [](const Entry& e) { return e.info.damage.empty(); });
  if (!json) {
    if (!entries.empty())
      print(entries);
    fmt::print("{} entries, {} damaged{}\n", all, entries.size(),
               entries.empty() ? "" : "; they are never used, and `attune cache prune` removes them");
  }
  return {{{"total", all}, {"damaged", list(entries, false)}, {"ok", entries.empty()}},
          entries.empty() ? Exit::Done : Exit::Cache};
}

Answer prune(Stores& stores, std::uint64_t max_bytes, bool json) {
  std::uint64_t bytes = 0, count = 0;
  for (cache::EntryStore* store : stores.all())
    for (const cache::EntryInfo& removed : store->prune(max_bytes))
      bytes += removed.bytes, ++count;
  if (!json)
    fmt::print("{} entries removed, {:.1f} MiB\n", count, static_cast<double>(bytes) / (1 << 20));
  return {{{"removed", count}, {"bytes", bytes}}};
}

/// Where to look when the cache's folder takes no entries, or gives none up.
constexpr const char* see_path = "see `attune cache path` for the folder, and `attune doctor`";

/// What did not get into the cache: said once more, after EntryStore has said why.
Exit exitOf(std::size_t lost, std::size_t of) {
  if (lost == 0)
    return Exit::Done;
  progress(fmt::format("{} of {} entries are lost, for the cache takes none; {}", lost, of, see_path));
  return Exit::Cache;
}

Answer clear(Stores& stores, bool json) {
  std::size_t count = 0;
  for (cache::EntryStore* store : stores.all())
    for (const cache::EntryInfo& entry : store->list())
      if (entry.tier == cache::Tier::User && entry.damage.empty())
        count += store->remove(entry.key);
  for (cache::EntryStore* store : stores.all())
    count += store->prune(~std::uint64_t{0}).size(); // the damaged ones
  const auto left = std::ranges::count(stores.entries(), cache::Tier::User, [](const Entry& e) { return e.info.tier; });
  if (!json)
    fmt::print("{} entries removed\n", count);
  if (left > 0)
    progress(fmt::format("{} entries stay, for they cannot be removed; {}", left, see_path));
  return {{{"removed", count}, {"left", left}}, left > 0 ? Exit::Cache : Exit::Done};
}

Answer bundle(Stores& stores, const std::string& action, const std::string& file, bool json) {
  const auto all = stores.all();
  const cache::BundleReport report =
      action == "export" ? cache::exportBundle(all, file) : cache::importBundle(all, file, importRules());
  const std::size_t kept = report.entries - report.in_memory;
  if (!json)
    fmt::print("{} entries {}{}\n", kept, action == "export" ? "written to " + file : "taken from " + file,
               report.known ? fmt::format(", {} were there", report.known) : "");
  return {{{"file", file},
           {"entries", kept},
           {"known", report.known},
           {"foreign", report.foreign},
           {"not_kept", report.in_memory}},
          exitOf(report.in_memory, report.entries)};
}

Answer merge(Stores& stores, const std::vector<std::string>& folders, bool json) {
  MergeReport report;
  for (const std::string& folder : folders)
    report += mergeInto(stores, folder);
  if (!json)
    fmt::print("{} entries taken, {} were there, {} were replaced by better ones, {} were worse than ours\n",
               report.taken, report.known, report.replaced, report.worse);
  if (report.damaged > 0)
    progress(fmt::format("passed over {} damaged entr{}: `attune cache verify` with ATTUNE_CACHE_DIR there says which",
                         report.damaged, report.damaged > 1 ? "ies" : "y"));
  return {{{"taken", report.taken},
           {"known", report.known},
           {"replaced", report.replaced},
           {"worse", report.worse},
           {"damaged", report.damaged},
           {"not_kept", report.lost}},
          exitOf(report.lost, report.taken + report.replaced + report.lost)};
}

Answer diff(Stores& stores, const std::string& folder, bool json) {
  const nlohmann::json differences = difference(stores, folder);
  if (!json) {
    Table table({"record", "here", "there"});
    for (const auto& d : differences)
      table.add({d["record"], d["here"].is_null() ? "-" : d["here"], d["there"].is_null() ? "-" : d["there"]});
    table.print();
  }
  return {{{"differences", differences}}};
}

const std::vector<std::string>& actions() {
  static const std::vector<std::string> all = {"path",  "list", "show",   "verify", "prune",
                                               "merge", "diff", "export", "import", "clear"};
  return all;
}

Exit run(const Options& o, bool json) {
  if (std::ranges::find(actions(), o.action) == actions().end())
    throw UsageError(fmt::format("'{}' is not what a cache does; {}", o.action, didYouMean(o.action, actions())));
  const auto wants = [&](std::size_t least, std::size_t most, const char* what) {
    if (o.arguments.size() < least || o.arguments.size() > most)
      throw UsageError(fmt::format("attune cache {} takes {}", o.action, what));
  };
  const Answer answer = [&]() -> Answer {
    if (o.action == "path")
      return wants(0, 0, "no argument"), path(json);
    Stores stores(cache::userCacheFolder());
    if (o.action == "list")
      return wants(0, 0, "no argument"), listing(stores, json);
    if (o.action == "show")
      return wants(1, 1, "a part of an entry's title, key or file"), show(stores, o.arguments[0], json);
    if (o.action == "verify")
      return wants(0, 0, "no argument"), verify(stores, json);
    if (o.action == "prune")
      return wants(0, 0, "no argument"), prune(stores, o.max_bytes, json);
    if (o.action == "clear")
      return wants(0, 0, "no argument"), clear(stores, json);
    if (o.action == "merge")
      return wants(1, 1 << 20, "the folders of other caches"), merge(stores, o.arguments, json);
    if (o.action == "diff")
      return wants(1, 1, "the folder of another cache"), diff(stores, o.arguments[0], json);
    return wants(1, 1, "a file such as model.attune"), bundle(stores, o.action, o.arguments[0], json);
  }();
  if (json)
    printJson(answer.document);
  return answer.exit;
}

} // namespace

std::function<Exit()> defineCache(CLI::App& app, const bool& json) {
  const auto options = std::make_shared<Options>();
  app.add_option("ACTION", options->action, fmt::to_string(fmt::join(actions(), ", ")))->required();
  app.add_option("ARGUMENTS", options->arguments, "a file, folders, or what to show");
  app.add_option("--max-size", options->max_bytes, "prune: what may stay, in bytes or as 500MB")
      ->transform(CLI::AsSizeValue(false));
  app.footer(
      "\nThe cache is below $ATTUNE_CACHE_DIR, else $XDG_CACHE_HOME/attune, else ~/.cache/attune. Damaged entries "
      "are never used;\nverify exits with 6 if there is one, import, merge and clear where the folder cannot be "
      "written. Last use is known to the hour.\n\nExamples:\n  attune cache list --json\n"
      "  attune cache export model.attune\n  attune cache merge node1/cache node2/cache\n"
      "  attune cache show sm_90a");
  return [options, &json] { return run(*options, json); };
}

} // namespace attune::cli
