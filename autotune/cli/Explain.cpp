#include "autotune/cli/Cli.h"
#include "autotune/cli/DumpOptions.h"
#include "autotune/cli/ExplainChoice.h"
#include "autotune/cli/KeyTiles.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/SpecOptions.h"
#include "autotune/cli/Stores.h"
#include "runtime/engine/RequestChecks.h"
#include "runtime/model/Resources.h"
#include "runtime/schedules/TunedSchedules.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

struct Options {
  explicit Options(CLI::App& app) : spec(app), dump(app, nullptr) {
    const auto lengths = CLI::Range(0, 1 << 24);
    app.add_option("--arch", arch, "target: " + archNames() + "; default: the device's. Needs no GPU");
    app.add_option("--device", device, "emulated, emulated:sm_90a, cuda:0; auto: a GPU if there is one")
        ->excludes("--arch")
        ->capture_default_str();
    app.add_option("--splits", splits, "chunks of the keys; 0: free choice")->check(CLI::Range(0, 1024));
    app.add_option("--batch", problem.batch, "sequences")->check(CLI::Range(1, 1 << 16))->capture_default_str();
    app.add_option("--q-len", problem.q_len, "queries per sequence")->check(lengths)->capture_default_str();
    app.add_option("--kv-len", problem.kv_len, "keys per sequence")->check(lengths)->capture_default_str();
    app.footer("\nExamples:\n  attune explain --preset gemma-2-27b:local --q-len 512 --kv-len 512 --arch sm_90a\n"
               "  attune explain --preset qwen2.5-7b --q-len 1 --kv-len 32768 --dump attn,tile --out ir/");
  }

  model::Machine machine() const {
    return arch.empty() ? model::machineOf(openDevice(device)->properties()) : model::machineFor(arch);
  }

  SpecOptions spec;
  DumpOptions dump;
  std::string arch, device = "auto";
  int splits = 0;
  Problem problem{.batch = 1, .q_len = 1024, .kv_len = 1024};
};

autotune::Survey surveyOf(const AttentionSpec& spec, const Problem& problem, const model::Machine& machine,
                          int splits) {
  const schedules::TunedSchedules tuned(tuningOptions());
  const auto chosen = tuned.choose(spec, problem, machine.device, splits);
  const bool free = splits == 0 && !spec.batch_invariant;
  return autotune::survey(spec, problem, machine, chosen,
                          free ? tuned.record(spec, problem, machine.device) : std::nullopt);
}

/// The kernels as NVRTC makes them, from the cache if they are there. Returns why they are not.
std::string tryToBuild(CompileReport& report) {
  try {
    buildThroughCache(report);
    return {};
  } catch (const DeviceError& e) {
    return e.what();
  }
}

void printResources(const autotune::Survey& s, const CompileReport& report, const std::string& not_built) {
  const Target& limits = target(report.arch);
  const model::Resources r = model::resourcesOf(s.spec, s.chosen.schedule, limits);
  heading("resources");
  fmt::print("  a block: {} threads, {} of {} bytes of shared memory; {} block(s) per multiprocessor, {:.2f} waves\n",
             r.threads, report.kernels.front().shared_bytes, limits.shared_per_block, s.cost.blocks_per_multiprocessor,
             s.cost.waves);
  if (!not_built.empty()) {
    fmt::print("  registers: about {} of {}; not compiled: {}\n", r.registers, r.register_limit, not_built);
    return;
  }
  for (const CompiledKernel& kernel : report.kernels) {
    const KernelResources k = kernel.build.log.resources.value_or(KernelResources{});
    fmt::print("  {}: {} registers, {} bytes spilled, cubin of {} bytes\n", kernel.name, k.registers, k.spill_bytes,
               kernel.build.image.bytes.size());
  }
}

nlohmann::json document(const autotune::Survey& s, const CompileReport& report, const std::optional<KeyTiles>& tiles,
                        const std::string& not_built) {
  nlohmann::json j = {{"device", s.machine.device.name},
                      {"arch", report.arch},
                      {"schedule", attune::toText(s.chosen.schedule)},
                      {"splits", s.chosen.splits},
                      {"shared_bytes", report.kernels.front().shared_bytes},
                      {"tiles", nullptr},
                      {"remarks", report.result.remarks},
                      {"choice", toJson(s)}};
  if (tiles)
    j["tiles"] = {{"empty", tiles->empty}, {"partial", tiles->partial}, {"full", tiles->full}};
  if (not_built.empty())
    j["kernels"] = toJson(report)["kernels"];
  else
    j["not_compiled"] = not_built;
  return j;
}

Exit run(const Options& options, bool json) {
  options.dump.check();
  const AttentionSpec spec = options.spec.resolve();
  Problem problem = options.problem;
  problem.q_total = problem.batch * problem.q_len;
  check(spec, problem, {.splits = options.splits});
  const autotune::Survey s = surveyOf(spec, problem, options.machine(), options.splits);
  const std::string note = chunksNote(spec, problem, s.chosen.schedule, options.splits, s.chosen.splits);
  if (!note.empty())
    progress(note);
  CompileReport report = lowered(spec, {.arch = s.machine.device.arch,
                                        .phase = {},
                                        .schedule = attune::toText(s.chosen.schedule),
                                        .stages = options.dump.wanted()});
  const std::string not_built = tryToBuild(report);
  const std::optional<KeyTiles> tiles = keyTilesOf(spec, problem, s.chosen.schedule);
  if (options.dump.wanted())
    options.dump.write(report);
  if (json) {
    nlohmann::json j = document(s, report, tiles, not_built);
    if (!note.empty())
      j["note"] = note;
    printJson(j);
    return Exit::Done;
  }
  fmt::print("{}, batch {}, {} queries on {} keys, for {} ({})\n", options.spec.label(), problem.batch, problem.q_len,
             problem.kv_len, s.machine.device.name, report.arch);
  printVerdict(s);
  printResources(s, report, not_built);
  if (tiles) {
    heading("key tiles of one head of one sequence");
    fmt::print("  {} full (no mask), {} partial, {} empty (never visited)\n", tiles->full, tiles->partial,
               tiles->empty);
  }
  printReasons(s);
  heading("remarks of the passes");
  for (const std::string& remark : report.result.remarks)
    fmt::print("  {}\n", remark);
  return Exit::Done;
}

} // namespace

std::function<Exit()> defineExplain(CLI::App& app, const bool& json) {
  const auto options = std::make_shared<Options>(app);
  return [options, &json] { return run(*options, json); };
}

} // namespace attune::cli
