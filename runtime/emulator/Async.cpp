#include "runtime/emulator/Async.h"

#include "runtime/emulator/Block.h"
#include "runtime/emulator/SharedChecks.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace attune::emulator {

namespace {

template <class F>
void each(std::uint32_t lanes, F f) {
  for (; lanes != 0; lanes &= lanes - 1)
    f(static_cast<unsigned>(std::countr_zero(lanes)));
}

void land(const AsyncCopy& copy, std::uint32_t lanes) {
  each(lanes, [&](unsigned lane) {
    const std::uint32_t available = copy.available[lane];
    if (available == 16) { // nearly all of them: inlined
      std::memcpy(copy.destination[lane], copy.source[lane], 16);
      return;
    }
    if (available != 0)
      std::memcpy(copy.destination[lane], copy.source[lane], available);
    std::memset(copy.destination[lane] + available, 0, copy.bytes - available);
  });
}

} // namespace

void AsyncQueue::reset() {
  copies_.clear();
  committed_.fill(0);
  issued_ = 0;
}

void AsyncQueue::issue(const AsyncCopy& copy) {
  const std::uint64_t number = issued_++;
  std::uint32_t left = copy.lanes;
  while (left != 0) { // lanes mostly have committed equally often, so this is one turn
    const std::uint32_t group = committed_[static_cast<unsigned>(std::countr_zero(left))];
    std::uint32_t same = 0;
    each(left, [&](unsigned lane) { same |= committed_[lane] == group ? 1u << lane : 0; });
    AsyncCopy& made = copies_.emplace_back(copy);
    made.lanes = same;
    made.group = group;
    made.number = number;
    left &= ~same;
  }
  each(copy.lanes, [&](unsigned lane) { // NaN, whatever the type
    if (copy.bytes == 16)
      std::memset(copy.destination[lane], 0xff, 16);
    else
      std::memset(copy.destination[lane], 0xff, copy.bytes);
  });
}

void AsyncQueue::commit(std::uint32_t lanes) {
  for (unsigned lane = 0; lane < 32; ++lane)
    committed_[lane] += (lanes >> lane) & 1;
}

/// due(copy): the lanes of it that are complete now; mark(copy, lane) says so to the checks.
template <class Due, class Mark>
void AsyncQueue::completeIf(Due due, Mark mark) {
  std::size_t kept = 0;
  for (AsyncCopy& copy : copies_) {
    const std::uint32_t lanes = copy.lanes & due(copy);
    land(copy, lanes & ~copy.landed);
    each(lanes, [&](unsigned lane) { mark(copy, lane); });
    copy.lanes &= ~lanes;
    if (copy.lanes == 0)
      continue;
    if (&copies_[kept] != &copy)
      copies_[kept] = copy;
    ++kept;
  }
  copies_.resize(kept);
}

namespace {

std::uint32_t offsetOf(const Block& block, const AsyncCopy& copy, unsigned lane) {
  return static_cast<std::uint32_t>(copy.destination[lane] - block.shared);
}

/// A complete copy is a write of its lane, now.
auto writesOf(Warp& warp) {
  return [&warp](const AsyncCopy& copy, unsigned lane) {
    checkUse(*warp.block, warp, 1u << lane, SharedUse::Write, offsetOf(*warp.block, copy, lane), copy.bytes);
  };
}

} // namespace

void AsyncQueue::wait(Warp& warp, std::uint32_t lanes, std::uint32_t keep) {
  std::uint32_t newest = 0, oldest = ~0u; // groups committed by the lanes
  each(lanes, [&](unsigned lane) {
    newest = std::max(newest, committed_[lane]);
    oldest = std::min(oldest, committed_[lane]);
  });
  const auto older = [&](const AsyncCopy& copy) {
    const std::uint64_t next = std::uint64_t{copy.group} + keep;
    if (next < oldest)
      return lanes;
    std::uint32_t due = 0;
    if (next < newest)
      each(lanes & copy.lanes, [&](unsigned lane) { due |= next < committed_[lane] ? 1u << lane : 0; });
    return due;
  };
  completeIf(older, writesOf(warp));
}

void AsyncQueue::waitAll(Warp& warp, std::uint32_t lanes) {
  completeIf([&](const AsyncCopy&) { return lanes; }, writesOf(warp));
}

void AsyncQueue::completeBefore(Warp& warp, std::uint32_t lanes, std::uint64_t end, const Moment& issuer,
                                const Stamp& by) {
  completeIf([&](const AsyncCopy& copy) { return copy.number < end ? lanes : 0; },
             [&](const AsyncCopy& copy, unsigned lane) {
               checkCopied(*warp.block, issuer, by, offsetOf(*warp.block, copy, lane), copy.bytes);
             });
}

void AsyncQueue::landSome(Random& random) {
  for (AsyncCopy& copy : copies_) {
    const auto lanes =
        copy.lanes & ~copy.landed & static_cast<std::uint32_t>(random.next() & random.next()); // a quarter
    land(copy, lanes);
    copy.landed |= lanes;
  }
}

} // namespace attune::emulator
