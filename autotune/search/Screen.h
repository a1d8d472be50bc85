#pragma once

#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"
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

/// Compiles for `arch` on `jobs` threads. What does not compile is a bug of ours, and is thrown.
Screen compileScreen(const AttentionSpec& spec, const std::string& arch, unsigned jobs);

} // namespace attune::autotune
