#include "autotune/search/Screen.h"

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

} // namespace attune::autotune
