#pragma once

#include "runtime/emulator/exec/Numbers.h"

#include <array>

/// Floating-point formats of eight bits.
namespace attune::emulator {
class Decode;
}

namespace attune::emulator::exec {

/// The values of e4m3 (no infinity, 0x7f is NaN) or e5m2 (the upper half of f16).
const std::array<float, 256>& eightBitValues(bool e5m2);
/// Round to nearest even; what is beyond the largest finite value becomes that, NaN 0x7f.
std::uint8_t toEightBits(float value, bool e5m2);

/// cvt to and from e4m3x2 and e5m2x2.
void decodeEightBits(Decode& decode);

} // namespace attune::emulator::exec
