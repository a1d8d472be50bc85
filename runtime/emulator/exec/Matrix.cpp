#include "runtime/emulator/exec/Matrix.h"

#include "runtime/emulator/exec/Fragments.h"
#include "runtime/emulator/exec/Lanes.h"

#include <cstring>

namespace attune::emulator::exec {

bool wholeWarp(Warp& warp, const char* instruction) {
  if (!warp.converge(all_lanes))
    return false;
  if (warp.exec != all_lanes)
    throw Fault{std::string(instruction) + " needs all 32 lanes, and " + std::to_string(std::popcount(warp.exec)) +
                " are here"};
  return true;
}

namespace {

/// op: D, A (K / 4 registers), B (K / 8), C. D and C are four registers of f32, or two of f16 pairs.
template <class Element, unsigned K, bool HalfSum>
void multiply(Warp& warp, const Instr& instr) {
  if (!wholeWarp(warp, "mma.sync"))
    return;
  constexpr unsigned d = HalfSum ? 2 : 4, a_at = d, b_at = a_at + K / 4, c_at = b_at + K / 8;
  Fragments<K> fragments;
  for (unsigned half = 0; half < K / 8; ++half) {
    widen<Element>(warp.read<std::uint32_t>(instr.op[a_at + 2 * half]), fragments.a[half]);
    widen<Element>(warp.read<std::uint32_t>(instr.op[a_at + 2 * half + 1]), fragments.a[half] + 8);
    widenAcross<Element>(warp.read<std::uint32_t>(instr.op[b_at + half]), fragments.b + 8 * half);
  }
  float even[2][lanes], odd[2][lanes];
  for (std::size_t part = 0; part < 2; ++part) {
    if constexpr (HalfSum) {
      const auto* pairs = warp.read<std::uint32_t>(instr.op[c_at + part]);
      for (unsigned lane = 0; lane < lanes; ++lane) {
        even[part][lane] = toFloat(Half{static_cast<std::uint16_t>(pairs[lane])});
        odd[part][lane] = toFloat(Half{static_cast<std::uint16_t>(pairs[lane] >> 16)});
      }
      joinColumns(even[part], odd[part], fragments.c + 8 * part);
    } else {
      joinColumns(warp.read<float>(instr.op[c_at + 2 * part]), warp.read<float>(instr.op[c_at + 2 * part + 1]),
                  fragments.c + 8 * part);
    }
  }
  fragments.multiplyAccumulate();
  for (std::size_t part = 0; part < 2; ++part) {
    if constexpr (HalfSum) {
      splitColumns(fragments.c + 8 * part, even[part], odd[part]);
      forLanes<std::uint32_t>(warp, instr.op[part], [&](unsigned lane) {
        return toHalf(even[part][lane]).bits | std::uint32_t{toHalf(odd[part][lane]).bits} << 16;
      });
    } else {
      splitColumns(fragments.c + 8 * part, warp.write<float>(instr.op[2 * part]),
                   warp.write<float>(instr.op[2 * part + 1]));
    }
  }
}

void decodeMultiply(Decode& decode) {
  decode.take("sync"), decode.take("aligned");
  const bool k16 = decode.take("m16n8k16");
  if (!k16 && !decode.take("m16n8k8"))
    decode.unsupported("this shape");
  if (!decode.take("row") || !decode.take("col"))
    decode.unsupported("this layout");
  const Type d = decode.takeType(), a = decode.takeType(), b = decode.takeType(), c = decode.takeType();
  const bool half = a.kind == 'f' && a.bits == 16, bfloat = a.kind == 'h';
  if (!(half || bfloat) || b.kind != a.kind || b.bits != a.bits || c.kind != d.kind || c.bits != d.bits ||
      d.kind != 'f' || !(d.bits == 32 || (d.bits == 16 && half)))
    decode.unsupported("these types");
  decode.expectOperands(4, 4);
  const std::size_t sums = d.bits == 16 ? 2 : 4, counts[] = {sums, k16 ? 4u : 2u, k16 ? 2u : 1u, sums};
  for (std::size_t i = 0; i < 4; ++i) {
    const Operand& fragment = decode.operand(i);
    const bool vector = fragment.kind == Operand::Kind::Vector;
    if ((vector ? fragment.elements.size() : 1) != counts[i])
      decode.unsupported("a fragment of this size");
    for (std::size_t j = 0; j < counts[i]; ++j) {
      const Operand& element = vector ? fragment.elements[j] : fragment;
      i == 0 ? decode.destination(element, {'b', 32}) : decode.source(element, {'b', 32});
    }
  }
  Handler run = nullptr;
  if (d.bits == 16)
    run = k16 ? &multiply<Half, 16, true> : &multiply<Half, 8, true>;
  else if (half)
    run = k16 ? &multiply<Half, 16, false> : &multiply<Half, 8, false>;
  else
    run = k16 ? &multiply<Bfloat, 16, false> : &multiply<Bfloat, 8, false>;
  decode.instr.flops = 2 * 16 * 8 * (k16 ? 16 : 8);
  decode.handler(run, Class::Mma);
}

} // namespace

Handler productOf(bool bfloat, bool half_sum) {
  return bfloat ? &multiply<Bfloat, 16, false> : half_sum ? &multiply<Half, 16, true> : &multiply<Half, 16, false>;
}

} // namespace attune::emulator::exec

namespace attune::emulator {

void addMatrixRules(Rules& rules) { rules["mma"] = &exec::decodeMultiply; }

} // namespace attune::emulator
