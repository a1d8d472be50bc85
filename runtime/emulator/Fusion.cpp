#include "runtime/emulator/exec/Fusion.h"
#include "runtime/emulator/Decoder.h"

// "mul/add and mul/sub sequences with no rounding modifiers may be optimized to use fused-multiply-add instructions on
// the target device" (PTX ISA, "Floating Point Instructions: mul"). What NVVM did not fuse ptxas still may, so a kernel
// must be right either way. Here: f32 without .ftz and .sat, within a basic block, where it is plain that the factors
// are still what they were.

namespace attune::emulator {

namespace {

class Offers {
public:
  Offers(Program& program, std::size_t registers, const std::vector<Slot>& pinned)
      : program_(program), written_(registers), pinned_(registers) {
    for (const Slot slot : pinned)
      pinned_[static_cast<std::size_t>(slot)] = true;
  }

  void function(std::size_t begin, std::size_t end) {
    const std::vector<bool> leader = leaders(program_, begin, end);
    for (std::size_t i = begin, block = i; i < end; ++i) {
      block = leader[i - begin] ? i : block;
      Instr& instr = program_.code[i];
      if (instr.fusible == Fusible::Sum || instr.fusible == Fusible::Difference)
        offer(instr, block);
      for (std::size_t n = 0; n < instr.writes; ++n)
        if (instr.op[n] != no_slot)
          written_[static_cast<std::size_t>(instr.op[n])] = i + 1;
    }
  }

private:
  /// The product that `term` still is, from the block that began at `block`, or nullptr.
  const Instr* productOf(Slot term, std::size_t block) const {
    if (term < 0 || pinned_[static_cast<std::size_t>(term)])
      return nullptr;
    const std::size_t at = written_[static_cast<std::size_t>(term)];
    if (at <= block)
      return nullptr;
    const Instr& product = program_.code[at - 1];
    const auto is_still = [&](Slot factor) {
      return factor < 0 ||
             (!pinned_[static_cast<std::size_t>(factor)] && written_[static_cast<std::size_t>(factor)] < at);
    };
    const bool is_product = product.fusible == Fusible::Product && product.guard == no_slot;
    return is_product && is_still(product.op[1]) && is_still(product.op[2]) ? &product : nullptr;
  }

  void offer(Instr& instr, std::size_t block) {
    for (std::uint16_t side = 0; side < 2; ++side)
      if (const Instr* product = productOf(instr.op[1 + side], block)) {
        instr.op[instr.operands++] = product->op[1];
        instr.op[instr.operands++] = product->op[2];
        instr.detail = static_cast<std::uint16_t>(instr.detail | 1 << side);
      }
    if (instr.detail != 0)
      instr.run = exec::fusing(instr.fusible);
  }

  Program& program_;
  std::vector<std::size_t> written_; ///< one more than where last, in the text
  std::vector<bool> pinned_;
};

} // namespace

void offerFusion(Program& program, std::size_t registers, const std::vector<std::size_t>& functions,
                 const std::vector<Slot>& pinned) {
  Offers offers(program, registers, pinned);
  for (std::size_t f = 0; f < functions.size(); ++f)
    offers.function(functions[f], f + 1 < functions.size() ? functions[f + 1] : program.code.size());
}

} // namespace attune::emulator
