#include "runtime/emulator/Races.h"

#include <algorithm>

namespace attune::emulator {

void RaceDetector::reset() { std::fill(words_.begin(), words_.end(), Word{}); }

std::optional<unsigned> RaceDetector::access(SharedUse use, unsigned warp, std::uint32_t lanes, std::uint32_t address,
                                             std::size_t bytes) {
  for (std::size_t at = address / 4; at <= (address + bytes - 1) / 4; ++at) {
    Word& word = words_[at];
    const std::size_t first = std::max<std::size_t>(address, at * 4), end = std::min(address + bytes, at * 4 + 4);
    const auto mask = static_cast<std::uint8_t>(((1u << (end - first)) - 1) << first % 4);
    const auto conflicts = [&](const Accesses& accesses) {
      const bool own = accesses.in_parts && accesses.last.thread == warp && (accesses.last.lanes & lanes) != 0;
      return (accesses.bytes & mask) != 0 && !own && !clocks_.ordered(accesses.last, warp, lanes);
    };
    const bool reads = use == SharedUse::Read || use == SharedUse::StrongRead;
    if (conflicts(word.written))
      return word.written.last.thread;
    if ((use == SharedUse::Read || use == SharedUse::Write) && conflicts(word.atomic))
      return word.atomic.last.thread;
    if (!reads && conflicts(word.read))
      return word.read.last.thread;
    if (use == SharedUse::StrongRead) // nothing of it is remembered: atomics may change the word
      continue;
    Accesses& accesses = use == SharedUse::Read ? word.read : use == SharedUse::Write ? word.written : word.atomic;
    const Stamp stamp = clocks_.stamp(warp, lanes, accesses.last);
    const bool merged = stamp.lanes != lanes; // with lanes that have not met
    accesses = {stamp, static_cast<std::uint8_t>(merged ? accesses.bytes | mask : mask),
                merged && (accesses.in_parts || accesses.bytes != mask)};
    if (use == SharedUse::Write)
      word.read = word.atomic = {};
  }
  return std::nullopt;
}

std::optional<unsigned> RaceDetector::written(const Moment& issuer, const Stamp& by, std::uint32_t address,
                                              std::size_t bytes) {
  for (std::size_t at = address / 4; at <= (address + bytes - 1) / 4; ++at) {
    Word& word = words_[at];
    for (const Accesses& accesses : {word.written, word.atomic, word.read})
      if (!Clocks::knows(issuer, accesses.last))
        return accesses.last.thread;
    word = {.written = {by, 15}};
  }
  return std::nullopt;
}

void RaceDetector::forget(std::uint32_t address, std::size_t bytes) {
  for (std::size_t word = address / 4; word <= (address + bytes - 1) / 4; ++word)
    words_[word] = {};
}

} // namespace attune::emulator
