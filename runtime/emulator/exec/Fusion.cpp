#include "runtime/emulator/exec/Fusion.h"

#include "runtime/emulator/Block.h"
#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/emulator/Memory.h"
#include "runtime/emulator/exec/Lanes.h"

namespace attune::emulator::exec {

namespace {

/// As ptxas decides: once for an instruction, for all threads and blocks.
template <bool Subtract>
void sumWithProduct(Warp& warp, const Instr& instr) {
  const auto position = static_cast<std::uint64_t>(&instr - warp.program->code.data());
  const auto products = static_cast<std::uint32_t>(instr.operands - 3) / 2;
  const std::uint32_t fused = Random{warp.block->launch.options->seed ^ position << 32}.below(products + 1);
  const auto value = [&](std::size_t n) { return warp.read<float>(instr.op[n]); };
  const float *left = value(1), *right = value(2);
  const float sign = Subtract ? -1.0f : 1.0f;
  if (fused == 0)
    return forLanes<float>(warp, instr.op[0], [=](unsigned i) { return canonical(left[i] + sign * right[i]); });
  const float *a = value(1 + 2 * fused), *b = value(2 + 2 * fused);
  if (instr.detail == 3 ? fused == 1 : instr.detail == 1)
    forLanes<float>(warp, instr.op[0],
                    [=](unsigned i) { return canonical(__builtin_fmaf(a[i], b[i], sign * right[i])); });
  else
    forLanes<float>(warp, instr.op[0],
                    [=](unsigned i) { return canonical(__builtin_fmaf(sign * a[i], b[i], left[i])); });
}

} // namespace

Handler fusing(Fusible kind) { return kind == Fusible::Difference ? &sumWithProduct<true> : &sumWithProduct<false>; }

} // namespace attune::emulator::exec
