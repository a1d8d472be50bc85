#include "autotune/cli/Cli.h"
#include "autotune/cli/CompileReport.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/SpecOptions.h"

#include "attune/compiler/SpecJson.h"
#include "compiler/spec/Nearest.h"
#include "runtime/io/WholeFile.h"

#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

struct Options {
  explicit Options(CLI::App& app) : spec(app) {
    app.add_option("--arch", request.arch, "target: sm_80, sm_86, sm_89, sm_90, sm_90a, sm_100, sm_120")
        ->capture_default_str();
    app.add_option("--phase", request.phase, "what the default schedule is for: prefill, or decode (split-KV)")
        ->check(CLI::IsMember({"prefill", "decode"}))
        ->capture_default_str();
    app.add_option("--schedule", request.schedule,
                   "instead of the default: \"q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=0\"");
    app.add_option("--dump", dump, "write these into --out: spec, attn, tile, cuda, ptx, cubin")->delimiter(',');
    app.add_option("--out", out, "folder for --dump; made if it is not there");
    app.footer("\nWithout --json and --dump, the CUDA text goes to stdout and the table to stderr.\n\nExamples:\n"
               "  attune compile --preset qwen2.5-7b > kernel.cu\n"
               "  attune compile --preset llama-3-8b --phase decode --arch sm_90 --dump tile,cuda,cubin --out dump/\n"
               "  attune compile spec.json --arch sm_120 --json");
  }

  SpecOptions spec;
  CompileRequest request;
  std::vector<std::string> dump;
  std::string out;
};

void write(const std::filesystem::path& path, const std::string& text) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  writeWhole(path, {&bytes, 1});
  progress(fmt::format("wrote {}", path.string()));
}

void dump(const Options& options, const CompileReport& report) {
  const std::filesystem::path out = options.out;
  std::error_code error;
  std::filesystem::create_directories(out, error); // a failure shows when the first file is written, with its path
  for (const std::string& what : options.dump) {
    if (what == "spec")
      write(out / "spec.json", specToJson(report.spec) + "\n");
    for (std::size_t i = 0; i < report.result.stages.size(); ++i)
      if (const Stage& stage = report.result.stages[i]; stageKind(stage) == what && what != "cuda")
        write(out / fmt::format("{:02}-{}.mlir", i, stage.name), stage.text);
    for (const CompiledKernel& kernel : report.kernels) {
      if (what == "cuda")
        write(out / (kernel.name + ".cu"), kernel.cuda);
      else if (what == "ptx")
        write(out / (kernel.name + ".ptx"),
              Toolchain::shared()->build(kernel.cuda, report.arch, Image::Kind::Ptx, kernel.name).image.bytes);
      else if (what == "cubin")
        write(out / (kernel.name + ".cubin"), kernel.build.image.bytes);
    }
  }
}

Exit run(const Options& options, bool json) {
  const std::vector<std::string> kinds = {"spec", "attn", "tile", "cuda", "ptx", "cubin"};
  for (const std::string& what : options.dump)
    if (std::find(kinds.begin(), kinds.end(), what) == kinds.end())
      throw UsageError(fmt::format("--dump {}: there is no such stage; {}", what, didYouMean(what, kinds)));
  if (options.dump.empty() != options.out.empty())
    throw UsageError("--dump and --out go together: what to write, and where");

  const CompileReport report = compileReport(options.spec.resolve(), options.request);
  if (!options.dump.empty())
    dump(options, report);
  if (json) {
    printJson(toJson(report));
  } else {
    if (options.dump.empty())
      for (const CompiledKernel& kernel : report.kernels)
        fmt::print("{}\n", kernel.cuda);
    std::fflush(stdout);
    printTable(report, options.dump.empty() ? stderr : stdout);
  }
  return Exit::Done;
}

} // namespace

std::function<Exit()> defineCompile(CLI::App& app, const bool& json) {
  const auto options = std::make_shared<Options>(app);
  return [options, &json] { return run(*options, json); };
}

} // namespace attune::cli
