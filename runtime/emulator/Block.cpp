#include "runtime/emulator/Warp.h"

#include "attune/compiler/Error.h"

#include <algorithm>
#include <array>

namespace attune::emulator {

namespace {

/// bar.sync and bar.arrive: a barrier completes when `expected` threads have come.
struct Barrier {
  int expected = 0;
  int arrived = 0;
  std::vector<std::pair<int, std::size_t>> waiting; ///< (warp, fragment's pc) that sleep
};

class Scheduler {
public:
  explicit Scheduler(BlockState& state) : state_(state) {
    const unsigned threads = state.block.x * state.block.y * state.block.z;
    for (unsigned w = 0; w < (threads + 31) / 32; ++w)
      warps_.emplace_back(state, static_cast<int>(w));
    threads_ = static_cast<int>(threads);
  }

  void run() {
    for (;;) {
      std::vector<Warp*> ready;
      for (Warp& w : warps_)
        if (std::ranges::any_of(w.fragments, [](const Fragment& f) { return !f.waiting; }))
          ready.push_back(&w);
      if (ready.empty()) {
        if (std::ranges::all_of(warps_, [](const Warp& w) { return w.fragments.empty(); }))
          return;
        if (!releaseByExit())
          deadlock();
        continue;
      }
      // a random warp, for a random while: a missing barrier shows because the others are far away
      Warp& w = *ready[state_.random() % ready.size()];
      const std::uint64_t r = state_.random();
      run(w, r % 8 == 0 ? static_cast<int>(r >> 8 & 255) : 1 << 30);
    }
  }

private:
  /// Runs fragments of a warp, the one furthest behind first, until all wait or the budget is used up.
  void run(Warp& w, int budget) {
    const Program& p = state_.program;
    while (budget > 0) {
      std::size_t at = w.fragments.size();
      for (std::size_t n = 0; n < w.fragments.size(); ++n)
        if (!w.fragments[n].waiting && (at == w.fragments.size() || w.fragments[n].pc < w.fragments[at].pc))
          at = n;
      if (at == w.fragments.size())
        return;
      const bool alone = w.fragments.size() == 1;
      Fragment* f = &w.fragments[at];
      w.lanes = f->lanes;
      for (; budget > 0; --budget) {
        const Op& op = p.ops[static_cast<std::size_t>(f->pc)];
        w.current = &op;
        ++state_.traffic.executed[static_cast<std::size_t>(f->pc)];
        if (++executed_ > state_.options.max_instructions)
          w.trap("the block has run " + std::to_string(executed_) + " instructions: it hangs, or Options::max_instructions is too low");
        std::uint32_t mask = f->lanes;
        if (op.guard != no_guard)
          mask &= op.guard_negated ? ~w.predicate(op.guard) : w.predicate(op.guard);
        w.mask = mask;
        if (op.flow == Flow::Next) {
          if (op.run && mask)
            op.run(w, op);
          ++f->pc;
          if (!alone && meets(w, at))
            break;
          continue;
        }
        if (!step(w, at, op, mask))
          break; // fragments changed, or this one waits
        f = &w.fragments[at];
        if (w.fragments.size() != 1 && !alone && meets(w, at))
          break;
      }
    }
  }

  /// Joins fragment `at` with one at the same place; true if it did, or if another is now further behind.
  static bool meets(Warp& w, std::size_t at) {
    for (std::size_t n = 0; n < w.fragments.size(); ++n)
      if (n != at && w.fragments[n].pc == w.fragments[at].pc && w.fragments[n].waiting <= w.fragments[at].waiting + 1) {
        if (w.fragments[n].waiting && w.current->flow == Flow::Barrier)
          continue;
        w.fragments[n].lanes |= w.fragments[at].lanes;
        w.fragments[n].waiting = false;
        w.fragments.erase(w.fragments.begin() + static_cast<std::ptrdiff_t>(at));
        return true;
      }
    for (std::size_t n = 0; n < w.fragments.size(); ++n)
      if (!w.fragments[n].waiting && w.fragments[n].pc < w.fragments[at].pc)
        return true;
    return false;
  }

  /// An instruction that is not straight-line. False when the fragment list changed or the fragment sleeps.
  bool step(Warp& w, std::size_t at, const Op& op, std::uint32_t mask) {
    Fragment& f = w.fragments[at];
    switch (op.flow) {
    case Flow::Branch: {
      const std::uint32_t stay = f.lanes & ~mask;
      if (mask == 0) {
        ++f.pc;
        return true;
      }
      if (stay == 0) {
        f.pc = op.target;
        return true;
      }
      f.lanes = mask;
      const int next = f.pc + 1;
      f.pc = op.target;
      w.fragments.push_back({next, stay});
      mergeAll(w);
      return false;
    }
    case Flow::Exit:
      w.exited |= mask;
      f.lanes &= ~mask;
      ++f.pc;
      if (f.lanes != 0)
        return true;
      w.fragments.erase(w.fragments.begin() + static_cast<std::ptrdiff_t>(at));
      for (Fragment& other : w.fragments) // .sync instructions no longer wait for those who left
        if (!atBarrier(other))
          other.waiting = false;
      return false;
    case Flow::Converge:
      if (mask != (w.alive & ~w.exited) && w.fragments.size() > 1) {
        f.waiting = true; // for the lanes that are elsewhere
        const bool stuck = std::ranges::all_of(w.fragments, [](const Fragment& other) { return other.waiting; });
        if (!stuck)
          return false;
        f.waiting = false; // everybody waits: it is a .sync of a part of the warp
      }
      if (op.run && mask)
        op.run(w, op);
      ++f.pc;
      return true;
    case Flow::Barrier: return barrier(w, f, op);
    case Flow::Next: break;
    }
    return true;
  }

  static void mergeAll(Warp& w) {
    for (std::size_t a = 0; a < w.fragments.size(); ++a)
      for (std::size_t b = w.fragments.size(); --b > a;)
        if (w.fragments[a].pc == w.fragments[b].pc && !w.fragments[a].waiting && !w.fragments[b].waiting) {
          w.fragments[a].lanes |= w.fragments[b].lanes;
          w.fragments.erase(w.fragments.begin() + static_cast<std::ptrdiff_t>(b));
        }
  }

  bool atBarrier(const Fragment& f) const { return state_.program.ops[static_cast<std::size_t>(f.pc)].flow == Flow::Barrier; }

  bool barrier(Warp& w, Fragment& f, const Op& op) {
    Barrier& b = barriers_[static_cast<std::size_t>(op.immediate)];
    const int expected = op.target ? op.target : threads_ - exitedThreads();
    if (op.target && op.target % 32 != 0)
      w.trap("a barrier's thread count must be a multiple of 32, got " + std::to_string(op.target));
    if (b.arrived > 0 && op.target && b.expected != expected)
      w.trap("barrier " + std::to_string(op.immediate) + " expects " + std::to_string(b.expected) + " threads for some and " + std::to_string(expected) + " for others");
    b.expected = expected;
    b.arrived += std::popcount(f.lanes);
    if (op.shared) { // arrive
      ++f.pc;
      complete(op.immediate);
      return true;
    }
    f.waiting = true;
    b.waiting.emplace_back(w.index, static_cast<std::size_t>(f.pc));
    return complete(op.immediate);
  }

  bool complete(std::int64_t which) {
    Barrier& b = barriers_[static_cast<std::size_t>(which)];
    if (b.arrived < b.expected)
      return false;
    for (const auto& [warp, pc] : b.waiting)
      for (Fragment& f : warps_[static_cast<std::size_t>(warp)].fragments)
        if (f.waiting && f.pc == static_cast<int>(pc)) {
          f.waiting = false;
          ++f.pc;
        }
    b = {};
    return true;
  }

  int exitedThreads() const {
    int count = 0;
    for (const Warp& w : warps_)
      count += std::popcount(w.exited);
    return count;
  }

  /// Threads that have exited count as arrived at bar.sync without a count.
  bool releaseByExit() {
    bool any = false;
    for (std::size_t n = 0; n < barriers_.size(); ++n)
      if (!barriers_[n].waiting.empty()) {
        const auto& [warp, pc] = barriers_[n].waiting.front();
        if (state_.program.ops[pc].target == 0) {
          barriers_[n].expected = threads_ - exitedThreads();
          any |= complete(static_cast<std::int64_t>(n));
        }
      }
    return any;
  }

  [[noreturn]] void deadlock() const {
    std::string text = "kernel " + state_.program.name + ", block (" + std::to_string(state_.index.x) + ", " + std::to_string(state_.index.y) + ", " +
                       std::to_string(state_.index.z) + ") is deadlocked:";
    for (const Warp& w : warps_)
      for (const Fragment& f : w.fragments)
        text += " warp " + std::to_string(w.index) + " (" + std::to_string(std::popcount(f.lanes)) + " lanes) waits at PTX line " +
                std::to_string(state_.program.ops[static_cast<std::size_t>(f.pc)].line) + " '" + state_.program.text[static_cast<std::size_t>(f.pc)] + "';";
    for (std::size_t n = 0; n < barriers_.size(); ++n)
      if (barriers_[n].arrived > 0)
        text += " barrier " + std::to_string(n) + " has " + std::to_string(barriers_[n].arrived) + " of " + std::to_string(barriers_[n].expected) + " threads;";
    throw DeviceError(text);
  }

  BlockState& state_;
  std::deque<Warp> warps_;
  std::array<Barrier, 16> barriers_;
  int threads_ = 0;
  std::uint64_t executed_ = 0;
};

} // namespace

void runBlock(BlockState& state) { Scheduler(state).run(); }

} // namespace attune::emulator
