#include "runtime/emulator/Mbarriers.h"

#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/Block.h"

#include <bit>
#include <cstring>

namespace attune::emulator {

namespace {
constexpr std::uint32_t most_arrivals = (1u << 20) - 1;
constexpr std::int64_t most_transactions = (std::int64_t{1} << 20) - 1;
constexpr std::uint64_t token_mark = 0xa77ull << 52; // a state that no arrive returned is found out
constexpr std::byte barrier_bytes{0xb5};             // what an mbarrier looks like to an ordinary load
} // namespace

Mbarriers::Mbarrier& Mbarriers::find(std::uint32_t offset) {
  const auto found = barriers_.find(offset);
  if (found == barriers_.end())
    throw Fault{"no mbarrier is initialised at offset " + std::to_string(offset) + " of shared memory"};
  return found->second;
}

void Mbarriers::init(Warp& warp, std::uint32_t offset, std::uint32_t count) {
  if (offset % 8 != 0 || offset + 8 > home_.shared_bytes)
    throw Fault{"mbarrier.init at offset " + std::to_string(offset) + ": not 8-byte aligned inside shared memory"};
  if (count == 0 || count > most_arrivals)
    throw Fault{"mbarrier.init with a count of " + std::to_string(count) + ": 1 to 1048575 are allowed"};
  if (barriers_.contains(offset))
    throw Fault{"mbarrier.init at offset " + std::to_string(offset) +
                ", where an mbarrier is alive: mbarrier.inval first"};
  const std::uint32_t thread = warp.thread();
  home_.proxy->shadow.genericWrite(thread, warp.together(), offset, 8);
  home_.proxy->shadow.setBarrier(offset, true);
  std::memset(home_.shared + offset, std::to_integer<int>(barrier_bytes), 8);
  Mbarrier& barrier = barriers_[offset];
  barrier.expected = barrier.pending = count;
  barrier.initialised = {thread, home_.clocks->now(thread), warp.together()};
}

void Mbarriers::invalidate(Warp& warp, std::uint32_t offset) {
  find(offset);
  barriers_.erase(offset);
  home_.proxy->shadow.setBarrier(offset, false);
  home_.proxy->shadow.genericWrite(warp.thread(), warp.together(), offset, 8);
}

void Mbarriers::publish() {
  for (auto& [offset, barrier] : barriers_)
    barrier.published |= barrier.offered;
}

void Mbarriers::fenceInit(const Warp& warp, bool offers) {
  for (auto& [offset, barrier] : barriers_) {
    const bool known = home_.clocks->includes(barrier.initialised, warp.thread(), warp.together());
    barrier.fenced |= known;
    barrier.offered |= known && offers;
  }
}

void Mbarriers::checkInitialised(const Warp& warp, const Mbarrier& barrier, std::uint32_t offset) const {
  if (warp.block->launch.options->check_races && !barrier.published &&
      !home_.clocks->ordered(barrier.initialised, warp.thread(), warp.together()))
    throw Fault{"race: the mbarrier at offset " + std::to_string(offset) +
                " is used, and its initialisation is not ordered before"};
}

void Mbarriers::checkForCopy(const Warp& warp, std::uint32_t offset) {
  const Mbarrier& barrier = find(offset);
  if (!barrier.fenced)
    throw Fault{"a bulk copy uses the mbarrier at offset " + std::to_string(offset) +
                ", whose initialisation no fence.mbarrier_init or fence.proxy.async has made visible to it"};
  checkInitialised(warp, barrier, offset);
}

std::uint64_t Mbarriers::arrive(Warp& warp, std::uint32_t offset, const Arrival& arrival) {
  Mbarrier& barrier = find(offset);
  if (arrival.known == nullptr) // else it was checked when it was asked for
    checkInitialised(warp, barrier, offset);
  if (!barrier.observed)
    throw Fault{"an arrival at the mbarrier at offset " + std::to_string(offset) + " in phase " +
                std::to_string(barrier.phase) + ": nobody has waited for the end of the phase before"};
  if (arrival.count == 0 || arrival.count > barrier.pending)
    throw Fault{"arrival of " + std::to_string(arrival.count) + " at the mbarrier at offset " + std::to_string(offset) +
                ", which waits for " + std::to_string(barrier.pending) + " more in this phase (of " +
                std::to_string(barrier.expected) + ")"};
  if (arrival.transactions != 0)
    addTransactions(barrier, offset, arrival.transactions);
  const std::uint64_t token = token_mark | std::uint64_t{barrier.pending} << 32 | (barrier.phase & 0xffffffff);
  barrier.pending -= arrival.count;
  if (arrival.drop)
    barrier.expected -= arrival.count;
  if (arrival.known != nullptr)
    barrier.arriving.join(*arrival.known);
  else if (!arrival.relaxed)
    home_.clocks->release(warp.thread(), warp.together(), barrier.arriving);
  if (arrival.no_complete && barrier.pending == 0 && barrier.transactions == 0)
    throw Fault{"mbarrier.arrive.noComplete completes the phase of the mbarrier at offset " + std::to_string(offset)};
  completeIfDone(barrier);
  return token;
}

void Mbarriers::addTransactions(Mbarrier& barrier, std::uint32_t offset, std::int64_t bytes) {
  barrier.transactions += bytes;
  if (barrier.transactions > most_transactions || barrier.transactions < -most_transactions)
    throw Fault{"the mbarrier at offset " + std::to_string(offset) + " has a transaction count of " +
                std::to_string(barrier.transactions) + ": at most 1048575 either way"};
}

void Mbarriers::expectTransactions(Warp& warp, std::uint32_t offset, std::uint32_t bytes) {
  Mbarrier& barrier = find(offset);
  checkInitialised(warp, barrier, offset);
  addTransactions(barrier, offset, bytes);
}

void Mbarriers::completeTransactions(std::uint32_t offset, std::uint32_t bytes, const Stamp& stamp) {
  Mbarrier& barrier = find(offset);
  addTransactions(barrier, offset, -std::int64_t{bytes});
  barrier.arriving.seen.resize(home_.clocks->threads());
  barrier.arriving.fenced.resize(home_.clocks->threads());
  barrier.arriving.seen[stamp.thread].until(stamp.time, stamp.lanes);
  completeIfDone(barrier);
}

void Mbarriers::completeIfDone(Mbarrier& barrier) {
  if (barrier.pending != 0 || barrier.transactions != 0)
    return;
  ++barrier.phase;
  barrier.observed = false;
  barrier.pending = barrier.expected;
  std::swap(barrier.completed, barrier.arriving);
  barrier.arriving.clear();
  home_.wake();
}

void Mbarriers::acquire(Warp& warp, Mbarrier& barrier, bool relaxed) {
  barrier.observed = true;
  if (!relaxed)
    home_.clocks->acquire(warp.thread(), barrier.completed);
}

bool Mbarriers::testPhase(Warp& warp, std::uint32_t offset, std::uint64_t token, bool relaxed) {
  Mbarrier& barrier = find(offset);
  checkInitialised(warp, barrier, offset);
  if ((token & token_mark) != token_mark)
    throw Fault{"a state that no mbarrier.arrive returned"};
  const std::uint32_t phase = static_cast<std::uint32_t>(token), current = static_cast<std::uint32_t>(barrier.phase);
  if (phase != current && phase + 1 != current)
    throw Fault{"a wait for phase " + std::to_string(phase) + " of the mbarrier at offset " + std::to_string(offset) +
                ", which is in phase " + std::to_string(current) +
                ": only the current or the last one may be asked for"};
  if (phase == current)
    return false;
  acquire(warp, barrier, relaxed);
  return true;
}

bool Mbarriers::testParity(Warp& warp, std::uint32_t offset, std::uint32_t parity, bool relaxed) {
  Mbarrier& barrier = find(offset);
  checkInitialised(warp, barrier, offset);
  if (parity > 1)
    throw Fault{"a phase parity of " + std::to_string(parity)};
  if ((barrier.phase & 1) == parity)
    return false;
  acquire(warp, barrier, relaxed);
  return true;
}

std::uint32_t Mbarriers::pendingOf(std::uint64_t token) const {
  if ((token & token_mark) != token_mark)
    throw Fault{"a state that no mbarrier.arrive returned"};
  return static_cast<std::uint32_t>(token >> 32) & most_arrivals;
}

std::string Mbarriers::describe(std::uint32_t offset) const {
  std::string text = "mbarrier at offset " + std::to_string(offset);
  for (const NamedRange& variable : home_.launch.program->shared_variables)
    if (offset >= variable.offset && offset < variable.offset + variable.bytes)
      text += " ('" + variable.name + "'+" + std::to_string(offset - variable.offset) + ")";
  const auto found = barriers_.find(offset);
  if (found == barriers_.end())
    return text + ", which is not initialised";
  const Mbarrier& barrier = found->second;
  text += " in phase " + std::to_string(barrier.phase) + ": " + std::to_string(barrier.expected - barrier.pending) +
          " of " + std::to_string(barrier.expected) + " arrived";
  if (barrier.transactions != 0)
    text += ", " + std::to_string(barrier.transactions) + " bytes outstanding";
  return text;
}

} // namespace attune::emulator
