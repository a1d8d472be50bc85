#pragma once

#include "runtime/emulator/Warp.h"

namespace attune::emulator {

/// Adds up what the host threads counted, under the names that `attune profile` shows.
Counters summarise(const Program& program, const std::vector<Traffic>& traffic);

} // namespace attune::emulator
