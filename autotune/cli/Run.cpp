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
  const Workload workload = options.workload();
  const Execution execution = execute(workload, options.device, options.prepare(), options.verify);
  const auto& comparison = execution.comparison;
  const bool ok = !comparison || comparison->ok;
  if (ok && !options.output.empty())
    saveResult(workload, execution.o, execution.lse, options.output); // what is wrong is not written
  if (json) {
    printJson(toJson(workload, execution));
  } else {
    Table table({"kernel", "device", "schedule", "splits", "compile ms", "max error", "bound", "LSE error", "time us"});
    std::string kernels;
    for (const PlannedKernel& kernel : execution.plan.kernels())
      kernels += (kernels.empty() ? "" : " + ") + kernel.name;
    table.add({kernels, execution.device.name, toText(execution.plan.schedule()),
               fmt::to_string(execution.plan.splits()), fmt::format("{:.0f}", compileMilliseconds(execution.plan)),
               comparison ? fmt::format("{:.2e}", comparison->max_abs_error) : "-",
               comparison ? fmt::format("{:.2e}", comparison->error_bound) : "-",
               comparison && workload.spec.lse ? fmt::format("{:.2e}", comparison->max_lse_error) : "-",
               execution.device.emulated ? "-" : fmt::format("{:.1f}", execution.time_us)});
    table.print();
    if (comparison && ok)
      fmt::print("verify: ok (max error {:.2e} of {:.2e} allowed)\n", comparison->max_abs_error,
                 comparison->error_bound);
  }
  if (ok)
    return Exit::Done;
  progress(fmt::format("verification failed: {}", comparison->message));
  return Exit::Mismatch;
}

} // namespace

std::function<Exit()> defineRun(CLI::App& app, const bool& json) {
  const auto options = std::make_shared<RunOptions>(app);
  app.add_option("--output", options->output, "safetensors file for o and lse; not written if anything fails");
  app.add_flag("--verify", options->verify, "compare with an fp64 reference; exit code 7 if the rule does not hold");
  app.footer("\nThe rule of --verify: max error <= 2 x the error of plain low-precision code + 1e-5; LSE within "
             "1e-4 x max(1, |LSE|), of fp8_e4m3 plus 2^-13 x the sum of |score so far| after every 32 columns of Q and "
             "K, of the visible key where that is largest.\n\nExamples:\n"
             "  attune run --preset qwen2.5-7b --q-len 256 --kv-len 256 --verify\n"
             "  attune run spec.json --inputs in.safetensors --output out.safetensors --device emulated\n"
             "  attune run --preset llama-3-8b --q-len 1 --kv-len 4096 --splits 4 --verify --json");
  return [options, &json] { return run(*options, json); };
}

} // namespace attune::cli
