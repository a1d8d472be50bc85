#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/exec/Tracked.h"

#include <map>

namespace attune::emulator {

/// Fragments of the same registers get one number, and every other instruction that touches a register of a wgmma goes
/// through exec::runTracked.
void trackWgmmaRegisters(Program& program) {
  if (program.fragments.empty())
    return;
  std::map<std::vector<Slot>, std::int64_t> numbers;
  for (std::size_t i = 0; i < program.fragments.size(); ++i)
    numbers.try_emplace(program.fragments[i], static_cast<std::int64_t>(i));
  for (std::size_t at = 0; at < program.code.size(); ++at) {
    Instr& instr = program.code[at];
    if (exec::isWgmma(instr.run)) {
      instr.immediate = numbers.at(program.fragments[static_cast<std::size_t>(instr.immediate)]);
      continue;
    }
    TrackedInstr tracked;
    tracked.run = instr.run;
    for (std::size_t i = 0; i < instr.operands; ++i) {
      if (!program.isWgmmaRegister(instr.op[i]))
        continue;
      tracked.registers.push_back(program.wgmmaRegister(instr.op[i]));
      tracked.writes += i < instr.writes;
    }
    if (tracked.registers.empty())
      continue;
    program.tracked.emplace(static_cast<std::uint32_t>(at), std::move(tracked));
    instr.run = &exec::runTracked;
  }
}

} // namespace attune::emulator
