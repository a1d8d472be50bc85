#pragma once

#include "runtime/emulator/Clocks.h"
#include "runtime/emulator/Fragment.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace attune::emulator {

class Block;
class Warp;
struct Instr;
struct TrackedInstr;
struct WgmmaForm;

/// 64 x N accumulators of one warpgroup that wgmma has under way, as rows of f32.
struct Accumulators {
  explicit Accumulators(std::uint32_t of, std::uint32_t columns)
      : fragment(of), n(columns), values(std::size_t{64} * columns) {}
  std::uint32_t fragment; ///< index into Program::fragments
  std::uint32_t n;
  std::vector<float> values;
  std::uint8_t owned = 0;                 ///< warps whose registers are under way
  std::array<std::uint64_t, 4> last_op{}; ///< of each warp, on these accumulators
};

/// The asynchronous matrix products of one block (PTX ISA, "Asynchronous warpgroup level matrix instructions"). One
/// belongs to the four warps of a warpgroup and runs when the first of them waits for it, or, with random landing, at a
/// random moment before: only then are its operands in shared memory read. From its issue to the wait of a warp the
/// warp's accumulators may not be touched and its registers of A not be written; accesses of such registers go through
/// touch(), so that each of these is an error, and so is a wgmma on registers touched since the last wgmma.fence.
class Warpgroups {
public:
  explicit Warpgroups(Block& home) : home_(home), operands_(home) {}
  void reset();

  void fence(const Warp& warp);
  void issue(Warp& warp, const Instr& instr);
  void commit(const Warp& warp);
  /// All but the `keep` newest groups of `warp` are done. False if a warp of its warpgroup has yet to issue its part.
  bool wait(Warp& warp, std::uint32_t keep);
  void touch(const Warp& warp, const TrackedInstr& instr);
  void finish() const; ///< all warps have ended

private:
  struct Product {
    const Instr* instr = nullptr;
    const WgmmaForm* form = nullptr;
    std::uint64_t a = 0, b = 0; ///< descriptors
    bool accumulates = false;
    bool done = false;
    std::uint8_t parts = 0;   ///< warps that have issued it
    std::uint32_t landed = 0; ///< when, on the clock of the warpgroup
    std::shared_ptr<Accumulators> sums;
    std::array<Moment, 4> issued;
  };
  struct Group {
    std::deque<Product> products;
    std::uint64_t first = 0; ///< number of products.front()
    std::array<std::uint64_t, 4> issued{}, retired{};
    std::array<std::deque<std::uint64_t>, 4> committed; ///< where each group of a warp ends
    std::vector<std::shared_ptr<Accumulators>> under_way;
  };
  void take(Warp& warp, const Instr& instr, Group& group, Product& product, std::uint64_t number);
  void own(Warp& warp, Accumulators& sums, const Product& product);
  void landThrough(Group& group, unsigned which, std::uint64_t end);
  void land(unsigned which, Product& product);
  void writeBack(Warp& warp, Group& group, std::uint64_t end);

  Block& home_;
  OperandReader operands_;
  std::vector<Group> groups_;
  std::vector<std::vector<std::uint8_t>>
      registers_; ///< per warp: RegisterState of each of the program's wgmma registers
};

} // namespace attune::emulator
