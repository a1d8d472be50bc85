#pragma once

#include "runtime/emulator/exec/Lanes.h"

/// The way of a warp to memory: addresses in, host pointers out, after every check and all accounting.
namespace attune::emulator::exec {

struct Access {
  std::uint64_t address[lanes];
  std::byte* host[lanes]; ///< for lanes in exec
  bool of_warp = false;   ///< each lane names rows that the whole warp moves
};

enum class Direction : std::uint8_t { Read, Write, Both };

/// Where a global address is, for messages.
std::string describeGlobal(const Warp& warp, std::uint64_t address);

/// Fills access.address from the address operand.
void addresses(const Warp& warp, const Instr& instr, Slot operand, Access& access);
/// `bytes` per lane, in `space`. Throws Fault for an access that is misaligned or not inside one buffer.
void resolve(Warp& warp, Space space, unsigned bytes, Direction direction, Access& access);
/// Shared memory addresses of a cp.async or ldmatrix, which are accounted apart.
void resolveShared(Warp& warp, unsigned bytes, Direction direction, SharedAccess kind, Access& access);

/// Passes that `bytes` per lane take through 32 banks of 4 bytes: lanes go in phases of 128 bytes.
Wavefronts wavefronts(const std::uint64_t* address, std::uint32_t exec, unsigned bytes);
/// Distinct 32-byte sectors of accesses that are aligned and of at most 32 bytes, so that each lies in one.
std::uint64_t sectors(const std::uint64_t* address, std::uint32_t exec);

} // namespace attune::emulator::exec
