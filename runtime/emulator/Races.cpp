#include "runtime/emulator/Races.h"

#include "runtime/emulator/Block.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

namespace attune::emulator {

void RaceDetector::reset() { std::fill(words_.begin(), words_.end(), Word{}); }

std::optional<unsigned> RaceDetector::access(Kind kind, unsigned warp, std::uint32_t lanes, std::uint32_t address,
                                             std::size_t bytes) {
  for (std::size_t at = address / 4; at <= (address + bytes - 1) / 4; ++at) {
    Word& word = words_[at];
    const std::size_t first = std::max<std::size_t>(address, at * 4), end = std::min(address + bytes, at * 4 + 4);
    const auto mask = static_cast<std::uint8_t>(((1u << (end - first)) - 1) << first % 4);
    const auto conflicts = [&](const Accesses& accesses) {
      return (accesses.bytes & mask) != 0 && !clocks_.ordered(accesses.last, warp, lanes);
    };
    if (conflicts(word.written))
      return word.written.last.thread;
    if (kind != Kind::Atomic && conflicts(word.atomic))
      return word.atomic.last.thread;
    if (kind != Kind::Read && conflicts(word.read))
      return word.read.last.thread;
    Accesses& accesses = kind == Kind::Read ? word.read : kind == Kind::Write ? word.written : word.atomic;
    const Stamp stamp = clocks_.stamp(warp, lanes, accesses.last);
    const std::uint8_t before = stamp.lanes != lanes ? accesses.bytes : 0; // of lanes that have not met
    accesses = {stamp, static_cast<std::uint8_t>(before | mask)};
    if (kind == Kind::Write)
      word.read = word.atomic = {};
  }
  return std::nullopt;
}

void RaceDetector::written(const Stamp& by, std::uint32_t address, std::size_t bytes) {
  for (std::size_t word = address / 4; word <= (address + bytes - 1) / 4; ++word)
    words_[word] = {.written = {by, 15}};
}

void RaceDetector::forget(std::uint32_t address, std::size_t bytes) {
  for (std::size_t word = address / 4; word <= (address + bytes - 1) / 4; ++word)
    words_[word] = {};
}

void checkRace(const Warp& warp, RaceDetector& races, RaceDetector::Kind kind, std::uint32_t lanes,
               std::uint32_t address, std::size_t bytes) {
  const auto other = races.access(kind, warp.thread(), lanes, address, bytes);
  if (!other)
    return;
  const char* what = kind == RaceDetector::Kind::Read    ? "read"
                     : kind == RaceDetector::Kind::Write ? "write"
                                                         : "atomic access";
  throw Fault{fmt::format("race on shared memory: {} at {:#x} and an access of {}", what, address,
                          *other == warp.thread() ? "another lane with no bar.warp.sync in between"
                                                  : warp.block->nameOfClock(*other) + " with no barrier in between"),
              std::has_single_bit(lanes) ? std::countr_zero(lanes) : -1};
}

} // namespace attune::emulator
