#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attune::emulator {

class Block;
class Warp;

/// The registers of a block that setmaxnreg moves between its warps. At launch each thread has the number that ptxas
/// gives it: that of .maxnreg, or an equal share of the 65536 under .maxntid and .minnctapersm. More than was given at
/// launch there never is: a warp that asks for more waits, here as on a GPU, for ever.
class RegisterPool {
public:
  explicit RegisterPool(Block& home) : home_(home) {}
  void reset();

  void release(Warp& warp, std::uint32_t per_thread);
  /// False if the pool lacks them now.
  bool request(Warp& warp, std::uint32_t per_thread);
  std::string describe(std::uint32_t per_thread) const;

private:
  void check(std::uint32_t per_thread) const;

  Block& home_;
  std::vector<std::uint32_t> held_; ///< per thread, of each warp
  std::uint32_t free_ = 0;          ///< registers
  std::uint32_t total_ = 0;
};

} // namespace attune::emulator
