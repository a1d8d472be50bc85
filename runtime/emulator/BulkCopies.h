#pragma once

#include "runtime/emulator/Clocks.h"
#include "runtime/emulator/Memory.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace attune::emulator {

class Block;
class Warp;

/// A place in the shared memory of a block of the cluster.
struct SharedPlace {
  Block* block = nullptr;
  std::uint32_t offset = 0;
};

/// A number for Block::clockOfCopies: neighbouring mbarriers, and those of rings side by side, differ.
inline std::uint32_t signalOf(std::uint32_t mbarrier) { return mbarrier / 8 + mbarrier / 64; }

/// What one bulk copy moves: a box in shared memory, of which `pieces` have a place in global memory and the rest lies
/// outside of the tensor.
struct BulkBox {
  struct Piece {
    std::byte* global;
    std::uint32_t shared; ///< offset in the box, before the swizzle
    std::uint32_t bytes;
  };
  std::uint32_t offset = 0, bytes = 0; ///< in shared memory
  std::uint32_t swizzle = 0;           ///< bits 7.. of the address that are XORed into bits 4..: 0, 1, 3 or 7
  std::byte fill{0};                   ///< for what lies outside
  std::vector<Piece> pieces;
};

/// Adds (or the like) `bytes` of `data` to global memory; elements are atomic.
using BulkReduction = void (*)(std::byte* global, const std::byte* data, std::uint32_t bytes);

/// The bulk copies of one block that are under way (PTX ISA, "Asynchronous data movement"). They are adversarial: a
/// load lands, and reads its source, when no warp can go on without one, in random order (or at a random moment
/// before); a store reads shared memory when someone waits for that, and writes global memory when someone waits for
/// that. Until a load has landed its destination is poison, and touching it is an error. Functions throw Fault.
class BulkCopies {
public:
  explicit BulkCopies(Block& home) : home_(home) {}
  void reset();

  /// To the blocks in `ranks` (a mask); bytes are completed on the mbarrier at `barrier` of each.
  void load(Warp& warp, BulkBox box, std::uint32_t ranks, std::uint32_t barrier);
  void store(Warp& warp, unsigned lane, BulkBox box, BulkReduction reduction);
  void commit(const Warp& warp);
  /// For the lanes in exec: all but their `keep` newest groups have read their sources and, unless `only_read`,
  /// written.
  void wait(Warp& warp, std::uint32_t keep, bool only_read);
  /// cp.async.mbarrier.arrive: an arrival for each lane in exec when its cp.async so far have landed.
  void arriveAfterCopies(Warp& warp, SharedPlace barrier);

  bool underWay() const; ///< something may land without being waited for
  void landOne(Random& random);
  void leave(Warp& warp); ///< a warp has ended
  void finish();          ///< all warps have ended

private:
  struct Copy {
    enum class Kind : std::uint8_t { Load, Store, Arrive } kind = Kind::Load;
    bool captured = false; ///< a store that has read shared memory
    std::uint8_t lane = 0;
    std::uint32_t warp = 0, line = 0, group = 0, ranks = 0, barrier = 0;
    // of an arrival: whose, after which of the warp's copies, where, and what those lanes knew
    std::uint32_t lanes = 0;
    std::uint64_t end = 0;
    Block* at = nullptr;
    Moment known;
    Stamp stamp;
    BulkBox box;
    BulkReduction reduction = nullptr;
    std::vector<std::byte> data;
  };
  Stamp nextStamp(std::uint32_t signal);
  void land(Copy& copy);
  void landLoad(Copy& copy);
  void capture(Copy& copy);
  void write(Copy& copy);

  Block& home_;
  std::vector<Copy> copies_;
  std::vector<std::array<std::uint32_t, 32>> committed_; ///< groups, per warp and lane
};

} // namespace attune::emulator
