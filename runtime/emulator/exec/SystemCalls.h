#pragma once

#include "runtime/emulator/Program.h"

#include <string_view>

namespace attune::emulator::exec {

/// What a call of a function without a body does, if it is one of those that CUDA's driver provides: vprintf and
/// __assertfail. nullptr for any other. Instr::target and Instr::immediate are where its first parameter and its result
/// are in local memory; the others follow.
Handler systemCall(std::string_view function);

} // namespace attune::emulator::exec
