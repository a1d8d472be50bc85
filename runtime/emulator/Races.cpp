#include "runtime/emulator/Races.h"

#include <algorithm>

namespace attune::emulator {

void RaceDetector::reset() { std::fill(words_.begin(), words_.end(), Word{}); }

std::optional<unsigned> RaceDetector::read(unsigned warp, std::uint32_t address, std::size_t bytes) {
  for (std::size_t word = address / 4; word <= (address + bytes - 1) / 4; ++word) {
    if (!clocks_.ordered(words_[word].written, warp))
      return words_[word].written.thread;
    words_[word].read = {warp, clocks_.now(warp)};
  }
  return std::nullopt;
}

std::optional<unsigned> RaceDetector::write(unsigned warp, std::uint32_t address, std::size_t bytes) {
  for (std::size_t word = address / 4; word <= (address + bytes - 1) / 4; ++word) {
    if (!clocks_.ordered(words_[word].written, warp))
      return words_[word].written.thread;
    if (!clocks_.ordered(words_[word].read, warp))
      return words_[word].read.thread;
    words_[word] = {{warp, clocks_.now(warp)}, {}};
  }
  return std::nullopt;
}

void RaceDetector::forget(std::uint32_t address, std::size_t bytes) {
  for (std::size_t word = address / 4; word <= (address + bytes - 1) / 4; ++word)
    words_[word] = {};
}

} // namespace attune::emulator
