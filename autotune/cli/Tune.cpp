#include "autotune/cli/Cli.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/TuneReport.h"

#include <algorithm>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

nlohmann::json toJson(const TuneOutcome& outcome) {
  nlohmann::json entry = {{"item", outcome.item.label},
                          {"spec", nlohmann::json::parse(specToJson(outcome.item.spec))},
                          {"batch", outcome.item.shape.batch},
                          {"q_len", outcome.item.shape.q_len},
                          {"kv_len", outcome.item.shape.kv_len},
                          {"seconds", outcome.seconds},
                          {"kernels_compiled", outcome.compiled},
                          {"kernels_found", outcome.found},
                          {"known", outcome.known},
                          {"ok", outcome.error.empty()}};
  if (!outcome.error.empty())
    entry["error"] = outcome.error;
  if (const auto& record = outcome.record) {
    const bool measured = record->effort != schedules::Effort::Estimate;
    entry.update({{"device_class", record->device_class},
                  {"device", record->device},
                  {"effort", schedules::toText(record->effort)},
                  {"complete", record->complete},
                  {"schedule", attune::toText(record->chosen.schedule)},
                  {"splits", record->chosen.splits},
                  {measured ? "us" : "predicted_us", record->us},
                  {measured ? "default_us" : "default_predicted_us", record->default_us},
                  {"default", schedules::toText(record->default_choice)},
                  {"reason", record->reason}});
  }
  return entry;
}

void print(const std::vector<TuneOutcome>& outcomes) {
  Table table({"item", "for", "chosen", "effort", "us", "default us", "kernels"});
  for (const TuneOutcome& o : outcomes)
    if (o.record)
      table.add({o.item.label, o.record->device, schedules::toText(o.record->chosen),
                 std::string(schedules::toText(o.record->effort)), fmt::format("{:.1f}", o.record->us),
                 fmt::format("{:.1f}", o.record->default_us), fmt::format("{} + {} known", o.compiled, o.found)});
    else
      table.add({o.item.label, "-", "-", "failed", "-", "-", "-"});
  table.print();
}

Exit dryRun(const std::vector<TuneItem>& items, bool json) {
  nlohmann::json entries = nlohmann::json::array();
  Table table({"item", "spec"});
  for (const TuneItem& item : items) {
    entries.push_back({{"item", item.label}, {"spec", nlohmann::json::parse(specToJson(item.spec))}});
    table.add({item.label, specToJson(item.spec)});
  }
  if (json)
    printJson({{"dry_run", true}, {"total", items.size()}, {"entries", entries}});
  else
    table.print();
  return Exit::Done;
}

Exit run(const TuneOptions& options, bool json) {
  const std::vector<TuneItem> items = options.items();
  options.effort(); // or throws, before anything is done
  if (options.dry_run)
    return dryRun(items, json);
  TuneRun tuning(options);
  const std::vector<TuneOutcome> outcomes = tuning.run(items);
  const auto count = [&](auto&& is) { return static_cast<std::size_t>(std::ranges::count_if(outcomes, is)); };
  const std::size_t failed = count([](const TuneOutcome& o) { return !o.error.empty(); });
  const std::size_t whole = count([](const TuneOutcome& o) { return o.record && o.record->complete; });
  const std::size_t lost = count([](const TuneOutcome& o) { return !o.kept; });
  const bool interrupted = Interrupt::requested(), all = whole + failed == items.size();
  if (!tuning.notMeasured().empty())
    progress(tuning.notMeasured());
  if (!options.report.empty())
    writeReport(options.report, options.title(), outcomes, items.size(), tuning.notMeasured());
  if (json) {
    nlohmann::json document = {{"total", items.size()},
                               {"done", whole},
                               {"known", count([](const TuneOutcome& o) { return o.known; })},
                               {"failed", failed},
                               {"not_kept", lost},
                               {"ok", all && failed == 0 && lost == 0},
                               {"entries", nlohmann::json::array()}};
    if (!tuning.notMeasured().empty())
      document["not_measured"] = tuning.notMeasured();
    if (!options.report.empty())
      document["report"] = options.report;
    for (const TuneOutcome& outcome : outcomes)
      document["entries"].push_back(toJson(outcome));
    printJson(document);
  } else {
    print(outcomes);
    std::set<std::string> notes;
    for (const TuneOutcome& o : outcomes)
      if (o.record)
        notes.insert(fmt::format("made for {}; found by every device of {}{}", o.record->device, o.record->device_class,
                                 o.machine.device.arch == "sm_90" ? "; engines on Hopper look for sm_90a" : ""));
    for (const std::string& note : notes)
      progress(note);
  }
  if (!all)
    progress(fmt::format("{} of {} items are done; the same command takes up the rest", whole, items.size()));
  if (lost)
    progress(fmt::format("{} of {} records are lost, for the cache takes no entries; see `attune cache path`", lost,
                         items.size()));
  if (interrupted)
    return Exit::Interrupted;
  if (!all)
    return Exit::TimeLimit;
  return failed ? Exit::SomeFailed : lost ? Exit::Cache : Exit::Done;
}

std::function<Exit()> define(CLI::App& app, const bool& json, const char* effort, const char* footer) {
  const auto options = std::make_shared<TuneOptions>(app, effort);
  app.footer(footer);
  return [options, &json] { return run(*options, json); };
}

} // namespace

std::function<Exit()> defineTune(CLI::App& app, const bool& json) {
  return define(
      app, json, "measure",
      "\nShapes are rounded to buckets: 1, 2, 3, 4, 6, 8, 12, ... A record serves all shapes of its bucket.\n\n"
      "Examples:\n  attune tune --preset qwen2.5-7b --phase decode --batch 1,8 --kv-len 1024..32768\n"
      "  attune tune spec.json --device cuda:0 --effort exhaustive --time-limit 600");
}

std::function<Exit()> definePrecompute(CLI::App& app, const bool& json) {
  return define(
      app, json, "estimate",
      "\nWithout the target's GPU: compiles, and records what the cost model chooses; `--effort measure` refines "
      "it where the GPU is.\nWhat is made for an architecture is made for one GPU of it, which is printed, and found "
      "by "
      "all with as many multiprocessors:\nsm_90a for H200 and H100 SXM (132). Others, such as the PCIe H100 (114), "
      "need "
      "it run where they are.\nWhat is there already is not made again, so an interrupted run is taken up by the "
      "same command.\n\nExamples:\n"
      "  attune precompute --preset qwen2.5-7b --phase prefill,decode --arch sm_90a --report schedules.html\n"
      "  attune precompute --preset llama-3-8b,qwen2.5-7b --arch sm_80,sm_90a --batch 1..64 --shard "
      "$SLURM_ARRAY_TASK_ID/16\n  attune cache export model.attune");
}

} // namespace attune::cli
