#include "runtime/emulator/exec/SharedPlaces.h"

namespace attune::emulator::exec {

SharedPlace locate(const Warp& warp, std::uint64_t address) {
  if (address - shared_window < window_bytes)
    address -= shared_window;
  const std::uint64_t rank = address >> rank_shift;
  if (rank >= warp.block->peers.size())
    throw Fault{"an address that is in no shared memory of this cluster"};
  return {warp.block->peers[rank].get(), static_cast<std::uint32_t>(address & ((1u << rank_shift) - 1))};
}

SharedPlace placeOf(Warp& warp, std::uint64_t address) {
  const SharedPlace place = locate(warp, address);
  if (place.block == warp.block)
    return place;
  const Instr& instr = warp.program->code[warp.pc() - 1];
  if (instr.own_shared)
    throw Fault{"a .shared::cta access of block " + std::to_string(place.block->rank) + " of the cluster by block " +
                std::to_string(warp.block->rank) + ": only .shared::cluster and generic ones reach another block"};
  place.block->visited({warp.thread(), place.block->clocks->now(warp.thread()), warp.together()}, instr.line);
  return place;
}

Places::Places(Warp& warp, const Instr& instr, Slot operand) {
  Access access;
  addresses(warp, instr, operand, access);
  eachLane(warp, [&](unsigned lane) { of[lane] = placeOf(warp, access.address[lane]); });
}

} // namespace attune::emulator::exec
