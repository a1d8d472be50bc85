#pragma once

#include "runtime/emulator/Decode.h"

/// Opcodes such as add belong to several kinds of numbers; Arithmetic.cpp asks the type and one of these decodes.
namespace attune::emulator::exec {

void integerArithmetic(Decode& decode, Type type);
void carryArithmetic(Decode& decode, bool subtract, bool carry_in);
void carryMultiplyAdd(Decode& decode, bool carry_in);
void floatArithmetic(Decode& decode, Type type);
void halfArithmetic(Decode& decode, Type type);

} // namespace attune::emulator::exec
