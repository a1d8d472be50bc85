#include "autotune/cli/DumpOptions.h"

#include "autotune/cli/Cli.h"
#include "autotune/cli/ManifestJson.h"
#include "autotune/cli/Output.h"

#include "attune/compiler/SpecJson.h"
#include "compiler/spec/Nearest.h"
#include "runtime/io/WholeFile.h"

#include <algorithm>
#include <filesystem>
#include <span>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

const std::vector<std::string>& known() {
  static const std::vector<std::string> all = {"spec", "attn", "tile", "cuda", "ptx", "cubin", "manifest"};
  return all;
}

void writeFile(const std::filesystem::path& path, const std::string& text) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  writeWhole(path, {&bytes, 1});
  progress(fmt::format("wrote {}", path.string()));
}

} // namespace

DumpOptions::DumpOptions(CLI::App& app, const char* alone) : alone_(alone) {
  app.add_option("--dump", dump_,
                 "write these into --out: spec, attn, tile, cuda, ptx, cubin, manifest (how a kernel is launched); one "
                 "file per kernel and pass")
      ->delimiter(',');
  app.add_option("--out", out_,
                 fmt::format("folder for --dump{}; made if it is not there",
                             alone ? fmt::format(" (without it: {})", alone) : std::string()));
}

void DumpOptions::check() const {
  for (const std::string& kind : dump_)
    if (std::ranges::find(known(), kind) == known().end())
      throw UsageError(fmt::format("--dump {}: there is no such stage; {}", kind, didYouMean(kind, known())));
  if (out_.empty() ? !dump_.empty() : dump_.empty() && !alone_)
    throw UsageError("--dump and --out go together: what to write, and where");
}

std::vector<std::string> DumpOptions::kinds() const { return dump_.empty() ? std::vector<std::string>{alone_} : dump_; }

void DumpOptions::write(const CompileReport& report) const {
  const std::filesystem::path out = out_;
  std::error_code error;
  std::filesystem::create_directories(out, error); // a failure shows when the first file is written, with its path
  for (const std::string& kind : kinds()) {
    if (kind == "spec")
      writeFile(out / "spec.json", specToJson(report.spec) + "\n");
    for (std::size_t i = 0; i < report.result.stages.size(); ++i)
      if (const Stage& stage = report.result.stages[i]; stageKind(stage) == kind && kind != "cuda")
        writeFile(out / fmt::format("{:02}-{}.mlir", i, stage.name), stage.text);
    if (kind == "manifest")
      for (const KernelSource& kernel : report.result.kernels)
        writeFile(out / (kernel.manifest.name + ".json"), toJson(kernel.manifest).dump(2) + "\n");
    for (const CompiledKernel& kernel : report.kernels) {
      if (kind == "cuda")
        writeFile(out / (kernel.name + ".cu"), kernel.cuda);
      else if (kind == "ptx")
        writeFile(out / (kernel.name + ".ptx"),
                  Toolchain::shared()->build(kernel.cuda, report.arch, Image::Kind::Ptx, kernel.name).image.bytes);
      else if (kind == "cubin" && !kernel.build.image.bytes.empty())
        writeFile(out / (kernel.name + ".cubin"), kernel.build.image.bytes);
    }
  }
}

} // namespace attune::cli
