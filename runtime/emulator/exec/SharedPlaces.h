#pragma once

#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/exec/Access.h"

/// Shared memory of a cluster. An address is an offset into the block's own memory, with the rank of the block plus one
/// in bits 24 and up where mapa made it.
namespace attune::emulator::exec {

constexpr unsigned rank_shift = 24;

/// The place that a .shared (or generic, inside the window) address names. Throws Fault.
SharedPlace locate(const Warp& warp, std::uint64_t address);
/// The same, which `warp` now accesses.
SharedPlace placeOf(Warp& warp, std::uint64_t address);
/// The same for the address operand of `instr`, lane by lane.
struct Places {
  Places(Warp& warp, const Instr& instr, Slot operand);
  SharedPlace of[lanes];
};

/// f(lane) for the lanes in exec; what it throws names the lane.
template <class F>
void eachLane(const Warp& warp, F f) {
  for (std::uint32_t rest = warp.exec; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    try {
      f(lane);
    } catch (Fault& fault) {
      fault.lane = fault.lane < 0 ? static_cast<int>(lane) : fault.lane;
      throw;
    }
  }
}

} // namespace attune::emulator::exec
