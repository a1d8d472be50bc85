#pragma once

#include "runtime/emulator/Program.h"

#include <string>

namespace attune::emulator::exec {

/// Makes `move` (op[0] is set) read %tid.x and its like; false for a name that is none.
bool specialRegister(const std::string& name, Instr& move);
void invertPredicate(Warp& warp, const Instr& instr);

} // namespace attune::emulator::exec
