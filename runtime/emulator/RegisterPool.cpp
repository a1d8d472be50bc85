#include "runtime/emulator/RegisterPool.h"

#include "runtime/emulator/Block.h"

#include <algorithm>

namespace attune::emulator {

namespace {
constexpr std::uint32_t file = 65536, most = 255, unit = 8;

/// What ptxas gives each thread, 0 where it cannot know and ignores setmaxnreg.
std::uint32_t atLaunch(const Program& program) {
  if (program.max_registers != 0)
    return program.max_registers / unit * unit;
  if (program.max_threads == 0)
    return 0;
  const std::uint32_t threads = (program.max_threads + 31) / 32 * 32 * std::max(program.min_blocks, 1u);
  return std::min(file / threads, most) / unit * unit;
}
} // namespace

void RegisterPool::reset() {
  held_.assign(home_.warpCount(), atLaunch(*home_.launch.program));
  free_ = 0;
  total_ = atLaunch(*home_.launch.program) * 32 * static_cast<std::uint32_t>(home_.warpCount());
}

void RegisterPool::check(std::uint32_t per_thread) const {
  if (total_ == 0)
    throw Fault{"setmaxnreg in a kernel with neither .maxntid nor .maxnreg: ptxas ignores it"};
  if (per_thread < 24 || per_thread > 256 || per_thread % 8 != 0)
    throw Fault{"setmaxnreg " + std::to_string(per_thread) + ": a multiple of 8 from 24 to 256"};
}

void RegisterPool::release(Warp& warp, std::uint32_t per_thread) {
  check(per_thread);
  std::uint32_t& held = held_[warp.index];
  if (per_thread > held)
    throw Fault{"setmaxnreg.dec to " + std::to_string(per_thread) + " registers by a warp that has " +
                std::to_string(held)};
  free_ += (held - per_thread) * 32;
  held = per_thread;
  home_.wake();
}

bool RegisterPool::request(Warp& warp, std::uint32_t per_thread) {
  check(per_thread);
  std::uint32_t& held = held_[warp.index];
  if (per_thread < held)
    throw Fault{"setmaxnreg.inc to " + std::to_string(per_thread) + " registers by a warp that has " +
                std::to_string(held)};
  const std::uint32_t needed = (per_thread - held) * 32;
  if (needed > free_)
    return false;
  free_ -= needed;
  held = per_thread;
  return true;
}

std::string RegisterPool::describe(std::uint32_t per_thread) const {
  return std::to_string(per_thread) + " registers per thread: the pool of " + std::to_string(total_) + " has " +
         std::to_string(free_) + " free";
}

} // namespace attune::emulator
