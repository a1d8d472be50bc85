#include "runtime/emulator/SharedShadow.h"

#include "runtime/emulator/Warp.h"

#include <algorithm>

namespace attune::emulator {

namespace {

std::string at(std::size_t granule) { return "shared memory at offset " + std::to_string(granule * 16); }

[[noreturn]] void underWay(const std::string& what, std::size_t granule) {
  throw Fault{what + " of " + at(granule) +
              ", to which a bulk copy is still under way (a wait for its mbarrier is missing, or for another phase)"};
}
[[noreturn]] void unordered(const std::string& what, std::size_t granule, const char* other) {
  throw Fault{"race: " + what + " of " + at(granule) + " and " + other + " with no barrier or wait in between"};
}
[[noreturn]] void unfenced(const std::string& what, std::size_t granule, const char* other) {
  throw Fault{what + " " + at(granule) + ", which " + other + ", and no fence.proxy.async lies in between"};
}

} // namespace

template <class F>
void SharedShadow::each(std::uint32_t offset, std::uint32_t bytes, F f) {
  for (std::size_t i = offset / 16; i <= (offset + bytes - 1) / 16; ++i)
    f(i, granules_[i]);
}

void SharedShadow::reset() { std::fill(granules_.begin(), granules_.end(), Granule{}); }

void SharedShadow::genericRead(std::uint32_t thread, std::uint32_t lanes, std::uint32_t offset, std::uint32_t bytes) {
  each(offset, bytes, [&](std::size_t i, Granule& granule) {
    if (granule.landing)
      underWay("read", i);
    if (options_.check_races && !granule.generic && !clocks_.ordered(granule.written, thread, lanes))
      unordered("read", i, "a bulk copy's write");
    granule.generic_read = clocks_.stamp(thread, lanes, granule.generic_read);
  });
}

void SharedShadow::genericWrite(std::uint32_t thread, std::uint32_t lanes, std::uint32_t offset, std::uint32_t bytes) {
  each(offset, bytes, [&](std::size_t i, Granule& granule) {
    if (granule.landing)
      underWay("write", i);
    for (std::size_t half = 0; half < 2; ++half)
      if ((granule.barriers >> half & 1) != 0 && offset < i * 16 + half * 8 + 8 && offset + bytes > i * 16 + half * 8)
        throw Fault{"write over the mbarrier at offset " + std::to_string(i * 16 + half * 8)};
    for (const Stamp& read : granule.async_reads)
      if (options_.check_races && !clocks_.ordered(read, thread, lanes))
        unordered("write", i, "a read by wgmma or a bulk copy");
    if (options_.check_races && !granule.generic && !clocks_.ordered(granule.written, thread, lanes))
      unordered("write", i, "a bulk copy's write");
    granule.written = clocks_.stamp(thread, lanes, granule.written);
    granule.generic = true;
  });
}

void SharedShadow::genericWritten(const Stamp& by, std::uint32_t offset, std::uint32_t bytes) {
  each(offset, bytes, [&](std::size_t, Granule& granule) { granule.written = by, granule.generic = true; });
}

void SharedShadow::setBarrier(std::uint32_t offset, bool live) {
  const auto bit = static_cast<std::uint8_t>(1u << (offset / 8 % 2));
  std::uint8_t& barriers = granules_[offset / 16].barriers;
  barriers = static_cast<std::uint8_t>(live ? barriers | bit : barriers & ~bit);
}

void SharedShadow::beginAsyncWrite(const Moment& issuer, std::uint32_t offset, std::uint32_t bytes) {
  each(offset, bytes, [&](std::size_t i, Granule& granule) {
    if (granule.landing)
      underWay("another bulk copy's write", i);
    if (granule.barriers != 0)
      throw Fault{"a bulk copy over the mbarrier in the 16 bytes at offset " + std::to_string(i * 16)};
    granule.landing = true;
    if (!options_.check_races)
      return;
    for (const Stamp& read : granule.async_reads)
      if (!Clocks::knows(issuer, read))
        unordered("a bulk copy's write", i, "a read by wgmma or a bulk copy");
    if (!Clocks::knows(issuer, granule.generic_read))
      unordered("a bulk copy's write", i, "a warp's read");
    if (!Clocks::knows(issuer, granule.written))
      unordered("a bulk copy's write", i, granule.generic ? "a warp's write" : "another bulk copy's write");
    if (!Clocks::fenced(issuer, granule.generic_read))
      unfenced("a bulk copy writes to", i, "a warp read with ordinary loads");
    if (granule.generic && !Clocks::fenced(issuer, granule.written))
      unfenced("a bulk copy writes to", i, "a warp wrote with ordinary stores");
  });
}

void SharedShadow::endAsyncWrite(const Stamp& by, std::uint32_t offset, std::uint32_t bytes) {
  each(offset, bytes,
       [&](std::size_t, Granule& granule) { granule = Granule{.written = by, .barriers = granule.barriers}; });
}

void SharedShadow::asyncRead(const Moment& issuer, const Stamp& by, std::uint32_t offset, std::uint32_t bytes,
                             const char* unit) {
  each(offset, bytes, [&](std::size_t i, Granule& granule) {
    if (granule.landing)
      underWay(std::string("read by ") + unit, i);
    if (!Clocks::knows(issuer, granule.written)) {
      if (options_.check_races)
        unordered(std::string("read by ") + unit, i, granule.generic ? "a warp's write" : "a bulk copy's write");
    } else if (granule.generic && !Clocks::fenced(issuer, granule.written)) {
      unfenced(std::string(unit) + " reads", i, "a warp wrote with ordinary stores");
    }
    const auto same = [&](const Stamp& read) { return read.time == 0 || read.thread == by.thread; };
    const auto place = std::find_if(granule.async_reads.begin(), granule.async_reads.end(), same);
    (place == granule.async_reads.end() ? granule.async_reads.back() : *place) = by;
  });
}

} // namespace attune::emulator
