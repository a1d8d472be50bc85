#pragma once

#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/exec/Access.h"

/// Shared memory of a cluster. An address is the rank of a block in bits 24 and up, as on sm_90, and an offset into
/// that block's memory: a block's own addresses (Program::constantsOf) and those that mapa makes are equal.
namespace attune::emulator::exec {

/// The place that a .shared (or generic, inside the window) address names. Throws Fault.
SharedPlace locate(const Warp& warp, std::uint64_t address);
/// The same, which `warp`'s instruction now accesses: one that says .shared or .shared::cta only its own block's.
SharedPlace placeOf(Warp& warp, std::uint64_t address);
/// The same for the address operand of `instr`, lane by lane.
struct Places {
  Places(Warp& warp, const Instr& instr, Slot operand);
  SharedPlace of[lanes];
};

/// f(lane) for the lanes in exec, each of which then acts for itself; what it throws names the lane.
template <class F>
void eachLane(Warp& warp, F f) {
  const std::uint32_t all = warp.exec;
  for (std::uint32_t rest = all; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    warp.exec = 1u << lane;
    try {
      f(lane);
    } catch (Fault& fault) {
      fault.lane = fault.lane < 0 ? static_cast<int>(lane) : fault.lane;
      throw;
    }
  }
  warp.exec = all;
}

} // namespace attune::emulator::exec
