#include "runtime/emulator/exec/Arithmetic.h"

namespace attune::emulator {

namespace {

void decodeArithmetic(Decode& decode) {
  if (decode.peek("cc")) {
    if (decode.statement.opcode == "mad")
      return exec::carryMultiplyAdd(decode, false);
    return exec::carryArithmetic(decode, decode.statement.opcode == "sub", false);
  }
  const Type type = decode.takeType();
  if (type.kind == 'f' && type.bits >= 32)
    exec::floatArithmetic(decode, type);
  else if (type.kind == 'f' || type.kind == 'h' || type.kind == 'F' || type.kind == 'H')
    exec::halfArithmetic(decode, type);
  else
    exec::integerArithmetic(decode, type);
}

} // namespace

void addArithmeticRules(Rules& rules) {
  for (const char* opcode : {"add", "sub", "mul", "mad",   "fma",  "div", "min", "max",  "neg",      "abs",
                             "ex2", "lg2", "rcp", "rsqrt", "sqrt", "sin", "cos", "tanh", "copysign", "testp"})
    rules[opcode] = &decodeArithmetic;
}

} // namespace attune::emulator
