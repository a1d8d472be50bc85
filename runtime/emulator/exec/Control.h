#pragma once

#include "runtime/emulator/Program.h"

namespace attune::emulator::exec {

void exit(Warp& warp, const Instr& instr);
void call(Warp& warp, const Instr& instr);
void ret(Warp& warp, const Instr& instr);
void fellOff(Warp& warp, const Instr& instr);
bool isJump(Handler run);        ///< to Instr::target
bool isIndexedJump(Handler run); ///< into the jump table Instr::target
void copyLocal(Warp& warp, const Instr& instr);

} // namespace attune::emulator::exec
