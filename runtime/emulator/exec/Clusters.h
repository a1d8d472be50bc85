#pragma once

#include "runtime/emulator/Program.h"

#include <string>

namespace attune::emulator {
class Decode;
}

namespace attune::emulator::exec {

/// Makes `made` (op[0] is set) read %cluster_ctarank and its like; false for a name that is none.
bool clusterRegister(const std::string& name, Instr& made);
/// barrier.cluster, from behind "cluster".
void decodeClusterBarrier(Decode& decode);

} // namespace attune::emulator::exec
