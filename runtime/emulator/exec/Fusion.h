#pragma once

#include "runtime/emulator/Program.h"

namespace attune::emulator::exec {

/// The handler of a sum or difference of op[1] and op[2], of which one or both are products: bit 0 and 1 of `detail`
/// say which, and from op[3] on are their factors. One of them is fused, or none, by the seed and the place of the
/// instruction.
Handler fusing(Fusible kind);

} // namespace attune::emulator::exec
