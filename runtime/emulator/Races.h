#pragma once

#include "runtime/emulator/Clocks.h"

#include <optional>
#include <vector>

namespace attune::emulator {

/// Atomics and strong accesses do not race with one another (PTX ISA, "Memory Consistency Model: Races").
enum class SharedUse : std::uint8_t { Read, Write, Atomic, StrongRead };

/// Finds pairs of accesses to a word of shared memory by two warps or lanes, one of them a write, which nothing orders
/// (FastTrack, Flanagan and Freund 2009, reduced to one remembered read per word: it never reports what is ordered, and
/// may miss one of several readers, and of bytes of a word all but the last accesses).
class RaceDetector {
public:
  RaceDetector(std::size_t bytes, const Clocks& clocks) : clocks_(clocks), words_((bytes + 3) / 4) {}
  void reset();

  /// The other warp, if this access by `lanes` is not ordered with an earlier one; `warp` itself, if that was another
  /// lane's. Warps are threads of the clocks.
  std::optional<unsigned> access(SharedUse use, unsigned warp, std::uint32_t lanes, std::uint32_t address,
                                 std::size_t bytes);
  /// A copy that works by itself has written here, as `by`; `issuer` knew of what came before. As access().
  std::optional<unsigned> written(const Moment& issuer, const Stamp& by, std::uint32_t address, std::size_t bytes);
  /// A bulk copy, which has checks of its own, has written here.
  void forget(std::uint32_t address, std::size_t bytes);

private:
  struct Accesses {
    Stamp last;
    std::uint8_t bytes = 0; ///< of the word
    bool in_parts = false;  ///< lanes that have not met touched different bytes: which of them is not remembered
  };
  struct Word {
    Accesses written, atomic, read;
  };

  const Clocks& clocks_;
  std::vector<Word> words_;
};

} // namespace attune::emulator
