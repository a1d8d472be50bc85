#pragma once

#include "runtime/emulator/Program.h"

namespace attune::emulator::exec {

/// Runs an instruction that touches registers of a wgmma, after Warpgroups::touch.
void runTracked(Warp& warp, const Instr& instr);
bool isWgmma(Handler run);

} // namespace attune::emulator::exec
