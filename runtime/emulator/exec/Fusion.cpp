#include "runtime/emulator/exec/Fusion.h"

#include "runtime/emulator/Block.h"
#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/emulator/Memory.h"
#include "runtime/emulator/exec/Lanes.h"

namespace attune::emulator::exec {

namespace {

/// As ptxas decides: once for an instruction, for all threads and blocks.
bool fuses(const Warp& warp, const Instr& instr) {
  const auto position = static_cast<std::uint64_t>(&instr - warp.program->code.data());
  return (Random{warp.block->launch.options->seed ^ position << 32}.next() & 1) != 0;
}

template <bool Subtract>
void sumWithProduct(Warp& warp, const Instr& instr) {
  const auto value = [&](std::size_t n) { return warp.read<float>(instr.op[n]); };
  const float *left = value(1), *right = value(2), *a = value(3), *b = value(4);
  const float sign = Subtract ? -1.0f : 1.0f;
  if (!fuses(warp, instr))
    forLanes<float>(warp, instr.op[0], [=](unsigned i) { return canonical(left[i] + sign * right[i]); });
  else if (instr.detail == 0)
    forLanes<float>(warp, instr.op[0],
                    [=](unsigned i) { return canonical(__builtin_fmaf(a[i], b[i], sign * right[i])); });
  else
    forLanes<float>(warp, instr.op[0],
                    [=](unsigned i) { return canonical(__builtin_fmaf(sign * a[i], b[i], left[i])); });
}

} // namespace

Handler fusing(Fusible kind) { return kind == Fusible::Difference ? &sumWithProduct<true> : &sumWithProduct<false>; }

} // namespace attune::emulator::exec
