#include "runtime/toolchain/Toolchain.h"

#include <algorithm>
#include <charconv>

namespace attune {
namespace {

/// The number that stands before `unit` in `line`: 168 in "Used 168 registers, ...".
int numberBefore(std::string_view line, std::string_view unit) {
  const std::size_t at = line.find(unit);
  if (at == std::string_view::npos)
    return 0;
  const std::size_t end = line.find_last_not_of(' ', at == 0 ? 0 : at - 1) + 1;
  std::size_t begin = end;
  while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9')
    --begin;
  int value = 0;
  std::from_chars(line.data() + begin, line.data() + end, value);
  return value;
}

bool isWarning(std::string_view line) {
  // ptxas reports what it does to a wgmma pipeline (C7510 and its like) as "info" in some versions.
  return line.find("warning") != std::string_view::npos || line.find("(C75") != std::string_view::npos ||
         line.find("(C76") != std::string_view::npos;
}

void read(KernelResources& most, std::string_view line) {
  most.registers = std::max(most.registers, numberBefore(line, " registers"));
  most.local_bytes = std::max(most.local_bytes, numberBefore(line, " bytes stack frame"));
  most.shared_bytes = std::max(most.shared_bytes, numberBefore(line, " bytes smem"));
  const int spills = numberBefore(line, " bytes spill stores") + numberBefore(line, " bytes spill loads");
  most.spill_bytes = std::max(most.spill_bytes, spills);
}

} // namespace

BuildLog parseBuildLog(std::string text) {
  BuildLog log;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (isWarning(line)) {
      log.warnings.emplace_back(line);
    } else if (line.starts_with("ptxas")) {
      if (!log.resources)
        log.resources.emplace();
      read(*log.resources, line);
    }
  }
  log.text = std::move(text);
  return log;
}

} // namespace attune
