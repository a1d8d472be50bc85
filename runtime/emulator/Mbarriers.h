#pragma once

#include "runtime/emulator/Clocks.h"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace attune::emulator {

class Block;
class Warp;

/// The mbarriers in the shared memory of one block (PTX ISA, "Parallel Synchronization and Communication Instructions:
/// mbarrier"). Their state is kept beside memory, so that a stray store meets it. Functions throw Fault.
class Mbarriers {
public:
  explicit Mbarriers(Block& home) : home_(home) {}
  void reset() { barriers_.clear(); }

  void init(Warp& warp, std::uint32_t offset, std::uint32_t count);
  void invalidate(Warp& warp, std::uint32_t offset);
  /// All that `warp` has initialised may be used by bulk copies from now on.
  /// With `offers` (fence.mbarrier_init) a relaxed barrier of the cluster, at publish(), orders their initialisation.
  void fenceInit(const Warp& warp, bool offers = false);
  void publish();

  struct Arrival {
    std::uint32_t count = 1;
    std::uint32_t transactions = 0; ///< bytes that the phase waits for besides
    bool drop = false, no_complete = false;
    bool relaxed = false;
    const Moment* known = nullptr; ///< instead of what the warp knows now
  };
  /// The state token: the phase that this arrival belongs to.
  std::uint64_t arrive(Warp& warp, std::uint32_t offset, const Arrival& arrival);
  /// One more arrival that the current phase, and only it, waits for.
  void addArrival(std::uint32_t offset) { ++find(offset).pending; }
  void expectTransactions(Warp& warp, std::uint32_t offset, std::uint32_t bytes);
  /// By a thread, or by a bulk copy that has landed: `stamp` is what its waiters then know.
  void completeTransactions(std::uint32_t offset, std::uint32_t bytes, const Stamp& stamp);
  /// Throws where a bulk copy of `warp` may not use this barrier.
  void checkForCopy(const Warp& warp, std::uint32_t offset);
  /// Throws where the lanes that act now may not use it yet.
  void checkInitialised(const Warp& warp, std::uint32_t offset) { checkInitialised(warp, find(offset), offset); }

  /// Whether the phase is complete; then `warp` knows what all who arrived in it knew.
  bool testPhase(Warp& warp, std::uint32_t offset, std::uint64_t token, bool relaxed);
  bool testParity(Warp& warp, std::uint32_t offset, std::uint32_t parity, bool relaxed);
  std::uint32_t pendingOf(std::uint64_t token) const;

  /// "mbarrier at offset 64 of 'full', phase 3: 1 of 2 arrivals and 16384 bytes missing"
  std::string describe(std::uint32_t offset) const;
  /// The mbarriers whose current phase is incomplete, for the deadlock report.
  std::size_t size() const { return barriers_.size(); }

private:
  struct Mbarrier {
    std::uint32_t expected = 0, pending = 0;
    std::int64_t transactions = 0;
    std::uint64_t phase = 0; ///< how many are complete
    Stamp initialised;
    bool offered = false;   ///< by fence.mbarrier_init
    bool published = false; ///< and then by a barrier of the cluster: no clock need order the initialisation
    bool fenced = false;    ///< the initialisation is visible to the asynchronous proxy
    bool observed = true;   ///< somebody has seen the end of the last phase
    Moment arriving, completed;
  };
  void checkInitialised(const Warp& warp, const Mbarrier& barrier, std::uint32_t offset) const;
  Mbarrier& find(std::uint32_t offset);
  void addTransactions(Mbarrier& barrier, std::uint32_t offset, std::int64_t bytes);
  void completeIfDone(Mbarrier& barrier);
  void acquire(Warp& warp, Mbarrier& barrier, bool relaxed);

  Block& home_;
  std::unordered_map<std::uint32_t, Mbarrier> barriers_;
};

} // namespace attune::emulator
