#include "autotune/cli/CompileReport.h"

#include "autotune/cli/Output.h"
#include "autotune/cli/Stores.h"

#include "attune/compiler/DefaultSchedule.h"
#include "runtime/engine/KernelStore.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {
constexpr std::int64_t long_prefill = 4096;
}

CompileReport lowered(const AttentionSpec& spec, const CompileRequest& request) {
  CompileReport report{.spec = spec, .arch = request.arch};
  const Target& to = target(request.arch);
  const bool decode = request.phase == "decode";
  report.schedule = request.schedule.empty() ? defaultSchedule(spec, to, decode ? 1 : long_prefill, decode)
                                             : scheduleFromText(request.schedule);
  report.result = compile(spec, report.schedule, to, {.dump_stages = request.stages});
  for (const KernelSource& kernel : report.result.kernels)
    report.kernels.push_back(
        {.name = kernel.manifest.name, .cuda = kernel.cuda, .shared_bytes = kernel.manifest.shared_bytes});
  report.schedule.stages = report.result.kernels.front().manifest.stages;
  return report;
}

void build(CompileReport& report) {
  for (CompiledKernel& kernel : report.kernels)
    kernel.build = Toolchain::shared()->build(kernel.cuda, report.arch, Image::Kind::Cubin, kernel.name);
}

void buildThroughCache(CompileReport& report) {
  cache::EntryStore store(kernelOptions());
  for (CompiledKernel& kernel : report.kernels)
    kernel.build = buildThrough(store, kernel.cuda, kernel.name, report.arch, Image::Kind::Cubin).build;
}

std::string stageKind(const Stage& stage) {
  if (stage.name == "emit-cuda")
    return "cuda";
  return stage.name == "frontend" || stage.name.starts_with("attn-") ? "attn" : "tile";
}

nlohmann::json toJson(const CompileReport& report) {
  nlohmann::json kernels = nlohmann::json::array();
  for (const CompiledKernel& kernel : report.kernels) {
    const BuildLog& log = kernel.build.log;
    const KernelResources resources = log.resources.value_or(KernelResources{});
    kernels.push_back({{"name", kernel.name},
                       {"arch", report.arch},
                       {"schedule", toText(report.schedule)},
                       {"lower_ms", report.result.milliseconds},
                       {"nvrtc_ms", log.milliseconds},
                       {"registers", resources.registers},
                       {"spill_bytes", resources.spill_bytes},
                       {"local_bytes", resources.local_bytes},
                       {"shared_bytes", kernel.shared_bytes + resources.shared_bytes},
                       {"cubin_bytes", kernel.build.image.bytes.size()},
                       {"warnings", log.warnings}});
  }
  return {{"kernels", kernels}};
}

void printTable(const CompileReport& report, FILE* stream) {
  Table table({"kernel", "arch", "registers", "spills", "local", "shared", "cubin", "lower ms", "nvrtc ms"});
  for (const CompiledKernel& kernel : report.kernels) {
    const BuildLog& log = kernel.build.log;
    const KernelResources resources = log.resources.value_or(KernelResources{});
    table.add({kernel.name, report.arch, fmt::to_string(resources.registers), fmt::to_string(resources.spill_bytes),
               fmt::to_string(resources.local_bytes), fmt::to_string(kernel.shared_bytes + resources.shared_bytes),
               fmt::to_string(kernel.build.image.bytes.size()), fmt::format("{:.2f}", report.result.milliseconds),
               fmt::format("{:.0f}", log.milliseconds)});
  }
  table.print(stream);
  fmt::print(stream, "schedule: {}\n", toText(report.schedule));
  for (const CompiledKernel& kernel : report.kernels)
    for (const std::string& warning : kernel.build.log.warnings)
      fmt::print(stream, "{} {}\n", style(stream, "warning:", Style::Bad), warning);
}

} // namespace attune::cli
