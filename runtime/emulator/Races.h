#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace attune::emulator {

/// Finds pairs of accesses to a word of shared memory by two warps, one of them a write, which no barrier orders.
/// Each warp carries a vector clock; a barrier joins the clocks of its warps (FastTrack, Flanagan and Freund 2009,
/// reduced to one remembered read per word: it never reports what is ordered, and may miss one of several readers).
class RaceDetector {
public:
  RaceDetector(std::size_t bytes, std::size_t warps);
  void reset();

  /// The other warp, if this access is not ordered with its last one.
  std::optional<unsigned> read(unsigned warp, std::uint32_t address, std::size_t bytes);
  std::optional<unsigned> write(unsigned warp, std::uint32_t address, std::size_t bytes);
  void join(std::span<const unsigned> warps);

private:
  struct Stamp {
    std::uint32_t warp = 0, time = 0; ///< time 0: never
  };
  struct Word {
    Stamp written, read;
  };
  bool ordered(const Stamp& stamp, unsigned warp) const {
    return stamp.time == 0 || stamp.warp == warp || stamp.time <= clocks_[warp * warps_ + stamp.warp];
  }
  std::uint32_t now(unsigned warp) const { return clocks_[warp * warps_ + warp]; }

  std::size_t warps_;
  std::vector<Word> words_;
  std::vector<std::uint32_t> clocks_;
};

} // namespace attune::emulator
