#pragma once

#include "attune/compiler/Schedule.h"
#include "runtime/toolchain/Toolchain.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace attune::autotune {

/// Compiles schedules, before anything is timed. One text per schedule: why it must not be used, or nothing.
using Screen = std::function<std::vector<std::optional<std::string>>(const std::vector<Schedule>&)>;

/// What the compile log says against a kernel: spills, local memory, serialised wgmma (C75xx), an ignored setmaxnreg.
std::optional<std::string> objection(const BuildLog& log);

} // namespace attune::autotune
