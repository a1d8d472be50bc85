#pragma once

#include "runtime/emulator/Memory.h"

#include <array>
#include <cstdint>
#include <vector>

namespace attune::emulator {

class Warp;
struct Moment;
struct Stamp;

/// A cp.async of some lanes of a warp, between its issue and its completion.
struct AsyncCopy {
  std::uint32_t lanes = 0, group = 0;
  std::uint32_t landed = 0;                ///< lanes whose bytes are there, which nobody may rely on yet
  std::uint64_t number = 0;                ///< of the warp's copies
  std::uint32_t bytes = 0;                 ///< of each lane
  std::array<std::uint32_t, 32> available; ///< bytes that the source has; the rest is filled with zeros
  std::array<const std::byte*, 32> source; ///< checked at issue, read at landing
  std::array<std::byte*, 32> destination;
};

/// The copies of one warp that are under way. A copy lands when it must, or earlier at random; until then its
/// destination holds poison. It is complete, a write that a barrier or fence can order, when a wait says so (PTX ISA,
/// "Data Movement: Non-bulk copy"), however early it landed. Groups are counted per lane, as PTX does.
class AsyncQueue {
public:
  void reset();
  /// Poisons the destinations of the lanes in `copy.lanes`; sets `copy.group`.
  void issue(const AsyncCopy& copy);
  void commit(std::uint32_t lanes);
  std::uint64_t issued() const { return issued_; }
  /// Completes for `lanes` all but their `keep` newest groups. Throws Fault for what raced with a copy.
  void wait(Warp& warp, std::uint32_t lanes, std::uint32_t keep);
  void waitAll(Warp& warp, std::uint32_t lanes); ///< uncommitted ones too
  /// Completes the copies of `lanes` before number `end` by themselves, as `by`: an mbarrier is told. `issuer` is what
  /// they knew when they asked for that.
  void completeBefore(Warp& warp, std::uint32_t lanes, std::uint64_t end, const Moment& issuer, const Stamp& by);
  void landSome(Random& random);

private:
  template <class Due, class Mark>
  void completeIf(Due due, Mark mark);

  std::vector<AsyncCopy> copies_;
  std::uint64_t issued_ = 0;
  std::array<std::uint32_t, 32> committed_{};
};

} // namespace attune::emulator
