#pragma once

#include "runtime/emulator/Races.h"
#include "runtime/emulator/Warp.h"

namespace attune::emulator {

// What accesses of a block's shared memory mean for the checks: RaceDetector, of words and lanes, and SharedShadow, of
// both proxies. Each throws Fault.

/// `lanes` of `warp`, of this block or of another one of the cluster, use [offset, offset + bytes).
void checkUse(Block& home, const Warp& warp, std::uint32_t lanes, SharedUse use, std::uint32_t offset,
              std::uint32_t bytes);
/// A copy that worked by itself (cp.async for an mbarrier) has written there, as `by`. `issuer` is what was known to
/// whoever asked for it.
void checkCopied(Block& home, const Moment& issuer, const Stamp& by, std::uint32_t offset, std::uint32_t bytes);

} // namespace attune::emulator
