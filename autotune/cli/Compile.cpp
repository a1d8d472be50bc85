#include "autotune/cli/Cli.h"
#include "autotune/cli/CompileReport.h"
#include "autotune/cli/DumpOptions.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/ScheduleOption.h"
#include "autotune/cli/SelfContained.h"
#include "autotune/cli/SpecOptions.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

struct Options {
  explicit Options(CLI::App& app) : spec(app), dump(app, "cuda") {
    app.add_option("--arch", request.arch, "target: " + archNames())->capture_default_str();
    app.add_option("--phase", request.phase, "what the default schedule is for: prefill, or decode (split-KV)")
        ->check(CLI::IsMember({"prefill", "decode"}))
        ->capture_default_str();
    addScheduleOption(app, request.schedule);
    app.add_flag("--self-contained", self_contained, "CUDA text with Attune's headers in it: nvcc compiles it alone");
    app.footer("\nWithout --json and --out, the CUDA text goes to stdout and the table to stderr.\n\nExamples:\n"
               "  attune compile --preset qwen2.5-7b\n"
               "  attune compile --preset qwen2.5-7b --arch sm_90a --self-contained > kernel.cu\n"
               "  nvcc -std=c++20 -arch=sm_90a -cubin kernel.cu\n"
               "  attune compile --preset llama-3-8b --phase decode --arch sm_90a --dump tile,cuda,cubin --out dump/\n"
               "  attune compile spec.json --arch sm_120 --json");
  }

  SpecOptions spec;
  CompileRequest request;
  DumpOptions dump;
  bool self_contained = false;
};

/// Kernels as they are read: each is a translation unit of its own.
void printKernels(const CompileReport& report) {
  for (const CompiledKernel& kernel : report.kernels) {
    if (report.kernels.size() > 1)
      fmt::print("// ======== {}.cu, a translation unit of its own (--out DIR writes {} files) ========\n\n",
                 kernel.name, report.kernels.size());
    fmt::print("{}\n", kernel.cuda);
  }
}

Exit run(const Options& options, bool json) {
  options.dump.check();
  CompileRequest request = options.request;
  request.stages = options.dump.wanted();
  CompileReport report = lowered(options.spec.resolve(), request);
  const std::string note =
      request.schedule.empty() ? std::string() : portableNote(report.spec, report.schedule, report.arch);
  if (!note.empty())
    progress(note);
  build(report);
  const bool to_stdout = !json && !options.dump.wanted();
  if (to_stdout && options.self_contained)
    fmt::print("{}", selfContained(report.kernels));
  else if (to_stdout)
    printKernels(report);
  else if (options.self_contained)
    for (CompiledKernel& kernel : report.kernels)
      kernel.cuda = selfContained({kernel});
  if (options.dump.wanted())
    options.dump.write(report);
  if (json) {
    printJson(toJson(report));
    return Exit::Done;
  }
  std::fflush(stdout);
  printTable(report, to_stdout ? stderr : stdout);
  if (to_stdout && !options.self_contained)
    progress("it includes Attune's headers; --self-contained writes them into it");
  return Exit::Done;
}

} // namespace

std::function<Exit()> defineCompile(CLI::App& app, const bool& json) {
  const auto options = std::make_shared<Options>(app);
  return [options, &json] { return run(*options, json); };
}

} // namespace attune::cli
