#include "autotune/cli/Cli.h"
#include "autotune/cli/CompileReport.h"
#include "autotune/cli/Execution.h"
#include "autotune/cli/Output.h"

#include <chrono>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

constexpr const char* model = "qwen2.5-7b";

struct Case {
  const char* name;
  const char* phase;
  Shape shape;
  int splits; ///< 0: the cost model's choice
};

/// What the emulated device does in seconds, and a GPU with the fp64 reference on its side.
std::vector<Case> cases(bool emulated) {
  if (emulated)
    return {{"prefill", "prefill", {1, 256, 256}, 1}, {"decode", "decode", {2, 1, 1000}, 4}};
  return {{"prefill", "prefill", {1, 2048, 2048}, 1}, {"decode", "decode", {8, 1, 16384}, 0}};
}

/// From `begin` on, or all of it if that is not there.
std::string from(const std::string& text, const char* begin) {
  const std::size_t at = text.find(begin);
  return at == std::string::npos ? text : text.substr(text.rfind('\n', at) + 1);
}

void showStages(const CompileReport& report) {
  const Stage* attn = nullptr;
  const Stage* tile = nullptr;
  for (const Stage& stage : report.result.stages)
    if (const std::string kind = stageKind(stage); kind != "cuda")
      (kind == "attn" ? attn : tile) = &stage;
  heading("1. the mathematics: attn dialect, masks sorted into full and partial tiles");
  excerpt(from(attn->text, "attn.kernel"), 24);
  heading("2. the kernel's memory and instructions: tile dialect");
  excerpt(from(tile->text, "tile.for"), 24);
  heading("3. CUDA");
  excerpt(report.kernels.front().cuda, 120);
}

Exit run(const std::string& device_name, bool json) {
  const auto start = std::chrono::steady_clock::now();
  const DeviceProperties device = openDevice(device_name)->properties();
  const AttentionSpec spec = preset(model);
  nlohmann::json document = {{"preset", model},
                             {"spec", nlohmann::json::parse(specToJson(spec))},
                             {"kernels", nlohmann::json::array()},
                             {"runs", nlohmann::json::array()}};

  progress("lowering and compiling ...");
  std::vector<CompileReport> reports;
  for (const char* phase : {"prefill", "decode"}) {
    build(reports.emplace_back(lowered(spec, {.arch = device.arch, .phase = phase, .schedule = {}, .stages = true})));
    for (const auto& kernel : toJson(reports.back())["kernels"])
      document["kernels"].push_back(kernel);
  }
  if (!json) {
    heading(fmt::format("attention of {}: {} q heads, {} kv heads, head dim {}, causal, bf16", model, spec.q_heads,
                        spec.kv_heads, spec.head_dim));
    excerpt(specToJson(spec), 4);
    showStages(reports.front());
    heading("4. cubins");
    for (const CompileReport& report : reports)
      printTable(report, stdout);
  }

  Table table({"case", "batch", "queries", "keys", "device", "splits", "compile ms", "max error", "bound", "LSE error",
               "time us", ""});
  bool ok = true;
  for (const Case& c : cases(device.emulated)) {
    progress(fmt::format("running {} on {} ...", c.name, device.name));
    const Workload workload = randomWorkload(spec, c.shape, 1);
    const Execution execution = execute(workload, device_name, {.schedule = std::nullopt, .splits = c.splits}, true);
    const reference::Comparison& comparison = *execution.comparison;
    ok = ok && comparison.ok;
    nlohmann::json row = toJson(workload, execution);
    row["case"] = c.name;
    document["runs"].push_back(row);
    table.add({c.name, fmt::to_string(c.shape.batch), fmt::to_string(c.shape.q_len), fmt::to_string(c.shape.kv_len),
               device.name, fmt::to_string(execution.plan.splits()),
               fmt::format("{:.0f}", compileMilliseconds(execution.plan)),
               fmt::format("{:.1e}", comparison.max_abs_error), fmt::format("{:.1e}", comparison.error_bound),
               fmt::format("{:.1e}", comparison.max_lse_error),
               device.emulated ? "-" : fmt::format("{:.1f}", execution.time_us), comparison.ok ? "ok" : "WRONG"});
  }
  document["ok"] = ok;
  document["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (json) {
    printJson(document);
  } else {
    heading("5. run, and compared with an fp64 reference");
    table.print();
    fmt::print("\n{:.1f} s in all. bound: 2 x the error of plain low-precision code + 1e-5.{}\n",
               document["seconds"].get<double>(),
               device.emulated ? " No GPU here: the kernels' PTX ran on the CPU." : "");
  }
  return ok ? Exit::Done : Exit::Mismatch;
}

} // namespace

std::function<Exit()> defineDemo(CLI::App& app, const bool& json) {
  const auto device = std::make_shared<std::string>("auto");
  app.add_option("--device", *device, "emulated, cuda:0; auto: a GPU if there is one")->capture_default_str();
  app.footer("\nExamples:\n  attune demo\n  attune demo --device emulated --json");
  return [device, &json] { return run(*device, json); };
}

} // namespace attune::cli
