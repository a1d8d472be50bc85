#pragma once

#include "runtime/emulator/Program.h"

namespace attune::emulator::exec {

/// The handler of a sum or difference of op[1] and op[2], of which the one that `detail` says, 0 or 1, is the product
/// of op[3] and op[4]: rounded once or twice, by the seed and the place of the instruction.
Handler fusing(Fusible kind);

} // namespace attune::emulator::exec
