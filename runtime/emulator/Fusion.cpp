#include "runtime/emulator/exec/Fusion.h"
#include "runtime/emulator/Decoder.h"

// "mul/add and mul/sub sequences with no rounding modifiers may be optimized to use fused-multiply-add instructions on
// the target device" (PTX ISA, "Floating Point Instructions: add"). What NVVM did not fuse ptxas still may, so a kernel
// must be right either way. PTX is in static single assignment: a register with one definition is what it was when the
// product was made.

namespace attune::emulator {

void offerFusion(Program& program, std::size_t registers, const std::vector<Slot>& pinned) {
  constexpr std::size_t nowhere = ~std::size_t{0}, many = nowhere - 1;
  std::vector<std::size_t> definition(registers, nowhere);
  for (const Slot slot : pinned)
    definition[static_cast<std::size_t>(slot)] = many;
  for (std::size_t i = 0; i < program.code.size(); ++i)
    for (std::size_t n = 0; n < program.code[i].writes; ++n)
      if (const Slot slot = program.code[i].op[n]; slot >= 0 && slot != no_slot) {
        std::size_t& at = definition[static_cast<std::size_t>(slot)];
        at = at == nowhere ? i : many;
      }
  const auto settled = [&](Slot slot) { return slot < 0 || definition[static_cast<std::size_t>(slot)] < many; };
  for (Instr& instr : program.code) {
    if (instr.fusible != Fusible::Sum && instr.fusible != Fusible::Difference)
      continue;
    for (std::uint16_t side = 0; side < 2; ++side) {
      const Slot term = instr.op[1 + side];
      if (term < 0 || definition[static_cast<std::size_t>(term)] >= many)
        continue;
      const Instr& product = program.code[definition[static_cast<std::size_t>(term)]];
      if (product.fusible != Fusible::Product || product.guard != no_slot || !settled(product.op[1]) ||
          !settled(product.op[2]))
        continue;
      instr.op[3] = product.op[1], instr.op[4] = product.op[2];
      instr.operands = 5;
      instr.detail = side;
      instr.run = exec::fusing(instr.fusible);
      break;
    }
  }
}

} // namespace attune::emulator
