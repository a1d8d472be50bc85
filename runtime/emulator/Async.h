#pragma once

#include "runtime/emulator/Memory.h"

#include <array>
#include <cstdint>
#include <vector>

namespace attune::emulator {

/// A cp.async of some lanes of a warp, between its issue and its landing.
struct AsyncCopy {
  std::uint32_t lanes = 0, group = 0;
  std::uint32_t bytes = 0;                 ///< of each lane
  std::array<std::uint32_t, 32> available; ///< bytes that the source has; the rest is filled with zeros
  std::array<const std::byte*, 32> source; ///< checked at issue, read at landing
  std::array<std::byte*, 32> destination;
};

/// The copies of one warp that are under way. A copy lands when it must, or earlier at random; until then its
/// destination holds poison. Groups are counted per lane, as PTX does.
class AsyncQueue {
public:
  void reset();
  /// Poisons the destinations of the lanes in `copy.lanes`; sets `copy.group`.
  void issue(const AsyncCopy& copy);
  void commit(std::uint32_t lanes);
  /// Lands for `lanes` all but their `keep` newest groups.
  void wait(std::uint32_t lanes, std::uint32_t keep);
  void landAll(std::uint32_t lanes); ///< uncommitted ones too
  void landSome(Random& random);

private:
  template <class Due>
  void landIf(Due due);

  std::vector<AsyncCopy> copies_;
  std::array<std::uint32_t, 32> committed_{};
};

} // namespace attune::emulator
