#include "runtime/emulator/SharedShadow.h"

#include "runtime/emulator/Warp.h"

#include <algorithm>

namespace attune::emulator {

namespace {

std::string at(std::size_t granule) { return "shared memory at offset " + std::to_string(granule * 16); }

[[noreturn]] void underWay(const std::string& what, std::size_t granule, int lane) {
  throw Fault{
      what + " of " + at(granule) +
          ", to which a bulk copy is still under way (a wait for its mbarrier is missing, or for another phase)",
      lane};
}
[[noreturn]] void unordered(const std::string& what, std::size_t granule, const char* other, int lane = -1) {
  throw Fault{"race: " + what + " of " + at(granule) + " and " + other + " with no barrier or wait in between", lane};
}

} // namespace

template <class F>
void SharedShadow::each(std::uint32_t offset, std::uint32_t bytes, F f) {
  for (std::size_t i = offset / 16; i <= (offset + bytes - 1) / 16; ++i)
    f(i, granules_[i]);
}

void SharedShadow::reset() { std::fill(granules_.begin(), granules_.end(), Granule{}); }

void SharedShadow::genericRead(std::uint32_t thread, std::uint32_t offset, std::uint32_t bytes, int lane) {
  each(offset, bytes, [&](std::size_t i, Granule& granule) {
    if (granule.landing)
      underWay("read", i, lane);
    if (check_order_ && !granule.generic && !clocks_.ordered(granule.written(), thread))
      unordered("read", i, "a bulk copy's write", lane);
    granule.reader = static_cast<std::uint16_t>(thread);
    granule.read_time = clocks_.now(thread);
    granule.async_read = false;
  });
}

void SharedShadow::genericWrite(std::uint32_t thread, std::uint32_t offset, std::uint32_t bytes, int lane) {
  each(offset, bytes, [&](std::size_t i, Granule& granule) {
    if (granule.landing)
      underWay("write", i, lane);
    for (std::size_t half = 0; half < 2; ++half)
      if ((granule.barriers >> half & 1) != 0 && offset < i * 16 + half * 8 + 8 && offset + bytes > i * 16 + half * 8)
        throw Fault{"write over the mbarrier at offset " + std::to_string(i * 16 + half * 8), lane};
    if (check_order_ && granule.async_read && !clocks_.ordered(granule.read(), thread))
      unordered("write", i, "a read by wgmma or a bulk copy", lane);
    if (check_order_ && !granule.generic && !clocks_.ordered(granule.written(), thread))
      unordered("write", i, "a bulk copy's write", lane);
    granule.writer = static_cast<std::uint16_t>(thread);
    granule.write_time = clocks_.now(thread);
    granule.generic = true;
  });
}

void SharedShadow::setBarrier(std::uint32_t offset, bool live) {
  const auto bit = static_cast<std::uint8_t>(1u << (offset / 8 % 2));
  std::uint8_t& barriers = granules_[offset / 16].barriers;
  barriers = static_cast<std::uint8_t>(live ? barriers | bit : barriers & ~bit);
}

void SharedShadow::beginAsyncWrite(const Moment& issuer, std::uint32_t offset, std::uint32_t bytes) {
  each(offset, bytes, [&](std::size_t i, Granule& granule) {
    if (granule.landing)
      underWay("another bulk copy's write", i, -1);
    if (granule.barriers != 0)
      throw Fault{"a bulk copy over the mbarrier in the 16 bytes at offset " + std::to_string(i * 16)};
    if (check_order_ && !Clocks::knows(issuer, granule.read()))
      unordered("a bulk copy's write", i, granule.async_read ? "a read by wgmma or a bulk copy" : "a warp's read");
    if (check_order_ && !Clocks::knows(issuer, granule.written()))
      unordered("a bulk copy's write", i, granule.generic ? "a warp's write" : "another bulk copy's write");
    granule.landing = true;
  });
}

void SharedShadow::endAsyncWrite(const Stamp& by, std::uint32_t offset, std::uint32_t bytes) {
  each(offset, bytes, [&](std::size_t, Granule& granule) {
    granule = {by.time, 0, static_cast<std::uint16_t>(by.thread), 0, false, false, granule.barriers, false};
  });
}

void SharedShadow::asyncRead(const Moment& issuer, const Stamp& by, std::uint32_t offset, std::uint32_t bytes,
                             const char* unit) {
  each(offset, bytes, [&](std::size_t i, Granule& granule) {
    if (granule.landing)
      underWay(std::string("read by ") + unit, i, -1);
    if (granule.write_time != 0 && !Clocks::knows(issuer, granule.written())) {
      if (check_order_)
        unordered(std::string("read by ") + unit, i, granule.generic ? "a warp's write" : "a bulk copy's write");
    } else if (granule.write_time != 0 && granule.generic && !Clocks::fenced(issuer, granule.written())) {
      throw Fault{std::string(unit) + " reads " + at(i) +
                  ", which a warp wrote with ordinary stores, and no fence.proxy.async lies in between"};
    }
    granule.reader = static_cast<std::uint16_t>(by.thread);
    granule.read_time = by.time;
    granule.async_read = true;
  });
}

} // namespace attune::emulator
