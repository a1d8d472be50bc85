#pragma once

#include "runtime/emulator/Program.h"

namespace attune::emulator::exec {

/// For instructions that need all 32 lanes: false if they are not together yet, so that it runs again later. Throws
/// Fault if some never come.
bool wholeWarp(Warp& warp, const char* instruction);

/// mma.sync m16n8k16 of bf16 or f16, with sums of f32 or f16. op: D, A (4 registers), B (2), C.
Handler productOf(bool bfloat, bool half_sum);

} // namespace attune::emulator::exec
