#pragma once

#include "runtime/emulator/Memory.h"

#include <array>
#include <cstdint>
#include <vector>

namespace attune::emulator {

/// One lane's cp.async between its issue and its landing.
struct AsyncCopy {
  const std::byte* source = nullptr; ///< checked at issue, read at landing
  std::byte* destination = nullptr;
  std::uint32_t group = 0;
  std::uint32_t lane = 0, bytes = 0, source_bytes = 0; ///< the rest is filled with zeros
};

/// The copies of one warp that are under way. A copy lands when it must, or earlier at random; until then its
/// destination holds poison. Groups are counted per lane, as PTX does.
class AsyncQueue {
public:
  void reset();
  /// Poisons the destination. Made in place: a record that is built and then copied stalls on its own stores.
  void issue(std::uint32_t lane, const std::byte* source, std::byte* destination, std::uint32_t bytes,
             std::uint32_t source_bytes);
  void commit(std::uint32_t lanes);
  /// Lands for `lanes` all but their `keep` newest groups.
  void wait(std::uint32_t lanes, std::uint32_t keep);
  void landAll(std::uint32_t lanes); ///< uncommitted ones too
  void landSome(Random& random);

private:
  template <class Predicate>
  void landIf(Predicate due);

  std::vector<AsyncCopy> copies_;
  std::array<std::uint32_t, 32> committed_{};
};

} // namespace attune::emulator
