#include "autotune/cli/Cli.h"
#include "autotune/cli/Execution.h"
#include "autotune/cli/Output.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

Exit run(const RunOptions& options, bool json) {
  if (!options.device.starts_with("emulated"))
    throw UsageError(
        fmt::format("--device {}: only the emulated device counts; use --device emulated", options.device));
  const Workload workload = options.workload();
  const Execution execution = execute(workload, options.device, options.prepare(), false);
  Counters sum;
  for (const auto& [kernel, counters] : execution.counters)
    for (const auto& [name, count] : counters)
      sum[name] += count;
  if (json) {
    nlohmann::json document = {{"device", execution.device.name},
                               {"schedule", toText(execution.plan.schedule())},
                               {"splits", execution.plan.splits()},
                               {"useful_flops", flops(workload)},
                               {"counters", sum},
                               {"kernels", nlohmann::json::array()}};
    if (!execution.note.empty())
      document["note"] = execution.note;
    for (const auto& [kernel, counters] : execution.counters)
      document["kernels"].push_back({{"name", kernel}, {"counters", counters}});
    printJson(document);
    return Exit::Done;
  }
  std::vector<std::string> header = {"counter"};
  for (const auto& [kernel, counters] : execution.counters)
    header.push_back(kernel);
  Table table(header);
  for (const auto& [name, total] : sum) {
    std::vector<std::string> row = {name};
    for (const auto& [kernel, counters] : execution.counters)
      row.push_back(counters.contains(name) ? fmt::to_string(counters.at(name)) : "-");
    table.add(row);
  }
  table.print();
  fmt::print("\n{}, {} split(s), {}\n", execution.device.name, execution.plan.splits(),
             toText(execution.plan.schedule()));
  return Exit::Done;
}

} // namespace

std::function<Exit()> defineProfile(CLI::App& app, const bool& json) {
  const auto options = std::make_shared<RunOptions>(app);
  options->device = "emulated";
  app.footer("\nCounters are exact, and no timing: the emulated device is not a model of speed.\n\nExamples:\n"
             "  attune profile --preset qwen2.5-7b --q-len 256 --kv-len 256\n"
             "  attune profile --preset llama-3-8b --q-len 1 --kv-len 4096 --splits 4 --json");
  return [options, &json] { return run(*options, json); };
}

} // namespace attune::cli
