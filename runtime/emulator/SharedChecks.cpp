#include "runtime/emulator/SharedChecks.h"

#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/Block.h"

#include <bit>
#include <fmt/format.h>

namespace attune::emulator {

namespace {

constexpr const char* words[] = {"read", "write", "atomic access", "read"};

} // namespace

void checkUse(Block& home, const Warp& warp, std::uint32_t lanes, SharedUse use, std::uint32_t offset,
              std::uint32_t bytes) {
  if (home.races)
    if (const auto other = home.races->access(use, warp.thread(), lanes, offset, bytes))
      throw Fault{fmt::format("race on shared memory: {} at {:#x} and an access of {}", words[static_cast<int>(use)],
                              offset,
                              *other == warp.thread() ? "another lane with no bar.warp.sync in between"
                                                      : home.nameOfClock(*other) + " with no barrier in between"),
                  std::has_single_bit(lanes) ? std::countr_zero(lanes) : -1};
  if (!home.proxy)
    return;
  if (use == SharedUse::Read || use == SharedUse::StrongRead)
    home.proxy->shadow.genericRead(warp.thread(), lanes, offset, bytes);
  else
    home.proxy->shadow.genericWrite(warp.thread(), lanes, offset, bytes);
}

void checkCopied(Block& home, const Moment& issuer, const Stamp& by, std::uint32_t offset, std::uint32_t bytes) {
  if (home.races)
    if (const auto other = home.races->written(issuer, by, offset, bytes))
      throw Fault{
          fmt::format("race on shared memory: a cp.async's write at {:#x} and an access of {} that its wait does "
                      "not order",
                      offset, home.nameOfClock(*other))};
  if (home.proxy)
    home.proxy->shadow.genericWritten(by, offset, bytes);
}

} // namespace attune::emulator
