#include "autotune/search/Screen.h"

#include "autotune/search/Parallel.h"

#include "attune/compiler/Compile.h"

#include <fmt/format.h>

namespace attune::autotune {

std::optional<std::string> objection(const BuildLog& log) {
  const KernelResources r = log.resources.value_or(KernelResources{});
  if (r.spill_bytes > 0)
    return fmt::format("spills {} bytes", r.spill_bytes);
  if (r.local_bytes > 0)
    return fmt::format("{} bytes of local memory", r.local_bytes);
  for (const std::string& warning : log.warnings)
    if (warning.find("C75") != std::string::npos || warning.find("setmaxnreg") != std::string::npos)
      return warning;
  return std::nullopt;
}

Screen compileScreen(const AttentionSpec& spec, const std::string& arch, unsigned jobs) {
  return [=](const std::vector<Schedule>& schedules) {
    const auto toolchain = Toolchain::shared();
    std::vector<std::optional<std::string>> verdicts(schedules.size());
    parallelFor(schedules.size(), jobs, [&](std::size_t i) {
      const CompileResult text = compile(spec, schedules[i], target(arch));
      for (const KernelSource& kernel : text.kernels)
        if (!verdicts[i])
          verdicts[i] = objection(toolchain->build(kernel.cuda, arch, Image::Kind::Cubin, kernel.manifest.name).log);
    });
    return verdicts;
  };
}

} // namespace attune::autotune
