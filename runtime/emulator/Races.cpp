#include "runtime/emulator/Races.h"

#include <algorithm>

namespace attune::emulator {

RaceDetector::RaceDetector(std::size_t bytes, std::size_t warps)
    : warps_(warps), words_((bytes + 3) / 4), clocks_(warps * warps) {}

void RaceDetector::reset() {
  std::fill(words_.begin(), words_.end(), Word{});
  std::fill(clocks_.begin(), clocks_.end(), 0);
  for (std::size_t warp = 0; warp < warps_; ++warp)
    clocks_[warp * warps_ + warp] = 1;
}

std::optional<unsigned> RaceDetector::read(unsigned warp, std::uint32_t address, std::size_t bytes) {
  for (std::size_t word = address / 4; word <= (address + bytes - 1) / 4; ++word) {
    if (!ordered(words_[word].written, warp))
      return words_[word].written.warp;
    words_[word].read = {warp, now(warp)};
  }
  return std::nullopt;
}

std::optional<unsigned> RaceDetector::write(unsigned warp, std::uint32_t address, std::size_t bytes) {
  for (std::size_t word = address / 4; word <= (address + bytes - 1) / 4; ++word) {
    if (!ordered(words_[word].written, warp))
      return words_[word].written.warp;
    if (!ordered(words_[word].read, warp))
      return words_[word].read.warp;
    words_[word] = {{warp, now(warp)}, {}};
  }
  return std::nullopt;
}

void RaceDetector::join(std::span<const unsigned> warps) {
  std::vector<std::uint32_t> latest(warps_, 0);
  for (const unsigned warp : warps)
    for (std::size_t i = 0; i < warps_; ++i)
      latest[i] = std::max(latest[i], clocks_[warp * warps_ + i]);
  for (const unsigned warp : warps) {
    std::copy(latest.begin(), latest.end(), clocks_.begin() + static_cast<std::ptrdiff_t>(warp * warps_));
    ++clocks_[warp * warps_ + warp];
  }
}

} // namespace attune::emulator
