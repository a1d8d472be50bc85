#pragma once

#include "runtime/emulator/Clocks.h"

#include <optional>

namespace attune::emulator {

/// Finds pairs of accesses to a word of shared memory by two warps, one of them a write, which no barrier orders
/// (FastTrack, Flanagan and Freund 2009, reduced to one remembered read per word: it never reports what is ordered, and
/// may miss one of several readers).
class RaceDetector {
public:
  RaceDetector(std::size_t bytes, const Clocks& clocks) : clocks_(clocks), words_((bytes + 3) / 4) {}
  void reset();

  /// The other warp, if this access is not ordered with its last one. Warps are threads of the clocks.
  std::optional<unsigned> read(unsigned warp, std::uint32_t address, std::size_t bytes);
  std::optional<unsigned> write(unsigned warp, std::uint32_t address, std::size_t bytes);
  /// A bulk copy, which has checks of its own, has written here.
  void forget(std::uint32_t address, std::size_t bytes);

private:
  struct Word {
    Stamp written, read;
  };

  const Clocks& clocks_;
  std::vector<Word> words_;
};

} // namespace attune::emulator
