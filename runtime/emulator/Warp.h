#pragma once

#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/emulator/Memory.h"
#include "runtime/emulator/Program.h"

#include <bit>
#include <cstring>
#include <deque>
#include <random>
#include <vector>

namespace attune::emulator {

constexpr std::uint32_t all_lanes = ~0u;

/// Memory traffic of one host thread's share of a launch.
struct Traffic {
  std::vector<std::uint64_t> executed; ///< per op of the program
  std::uint64_t wavefronts = 0, wavefronts_minimum = 0;
  std::uint64_t matrix_wavefronts = 0, matrix_wavefronts_minimum = 0;
  std::uint64_t copy_wavefronts = 0, copy_wavefronts_minimum = 0;
  struct Global {
    std::uint64_t bytes = 0, sectors = 0;
  };
  std::map<const Buffer*, Global> read, written;
};

/// What the warps of a block share.
struct BlockState {
  const Program& program;
  const Memory& memory;
  const Options& options;
  const std::vector<std::byte>& parameters;
  Dim3 grid, block, index;
  std::vector<std::byte> shared;
  Traffic& traffic;
  std::mt19937_64 random;
};

/// Lanes at the same place in the program.
struct Fragment {
  int pc;
  std::uint32_t lanes;
  bool waiting = false; ///< at a barrier, or at a .sync instruction for lanes that are elsewhere
};

/// A copy that was issued and has not landed: until then its destination is poison.
struct PendingCopy {
  std::uint32_t lanes;
  std::uint32_t bytes, read; ///< to write, and to read; the rest is zero
  std::uint32_t group[32];
  std::uint32_t destination[32];
  std::uint64_t source[32];
  std::uint32_t read_of[32];
};

class Warp {
public:
  Warp(BlockState& state, int index);

  BlockState& block;
  std::uint32_t mask = 0; ///< lanes for which the current instruction counts
  std::uint32_t lanes = 0; ///< lanes of the current fragment
  const Op* current = nullptr;
  int index;

  template <class T> T* lane(std::uint32_t offset) { return reinterpret_cast<T*>(registers_.data() + offset); }
  std::uint32_t& predicate(std::uint32_t n) { return predicates_[n]; }

  // memory, one lane at a time; `lane` is for the message
  std::byte* global(std::uint64_t address, std::size_t bytes, int lane, bool write);
  std::byte* sharedAt(std::uint64_t offset, std::size_t bytes, int lane);
  std::byte* localAt(std::uint64_t offset, std::size_t bytes, int lane);
  /// Any space, by window.
  std::byte* generic(std::uint64_t address, std::size_t bytes, int lane, bool write);
  void countShared(const std::uint64_t (&offsets)[32], int bytes);

  // asynchronous copies
  void issue(PendingCopy copy);
  void commit();
  void wait(std::uint32_t keep, bool all);

  [[noreturn]] void trap(const std::string& what, int lane = -1) const;

  std::vector<Fragment> fragments;
  std::uint32_t exited = 0;
  std::uint32_t alive = 0; ///< lanes that exist

private:
  void land(const PendingCopy& copy, std::uint32_t which);

  struct alignas(64) Line {
    std::byte bytes[64];
  };
  struct File { // 64-byte aligned storage
    std::vector<Line> lines;
    std::byte* data() { return lines.data()->bytes; }
  };
  File registers_;
  std::vector<std::uint32_t> predicates_;
  std::vector<std::byte> local_;
  std::vector<PendingCopy> pending_;
  std::uint32_t committed_[32] = {};
  const Buffer* last_ = nullptr; ///< the buffer of the last access
};

/// Runs a block to its end. Throws DeviceError for a trap or a deadlock.
void runBlock(BlockState& state);

} // namespace attune::emulator
