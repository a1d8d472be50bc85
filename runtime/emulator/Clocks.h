#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace attune::emulator {

/// The lanes of a warp that do something together, if those are all that it began with.
constexpr std::uint32_t whole_warp = ~0u;

/// An access: whose, when, and of a warp by which lanes. Time 0: never.
struct Stamp {
  std::uint32_t thread = 0, time = 0, lanes = whole_warp;
};

/// What is known of a thread of the clocks: everything until `all`, and what `lanes` alone did until `some`.
/// The lanes of a warp are threads of PTX: an arrival, a fence or a copy of one of them says nothing of the others'
/// since bar.warp.sync last ordered them (PTX ISA, "Memory Consistency Model": a warp is no scope).
struct Known {
  std::uint32_t all = 0, some = 0, lanes = 0;

  bool covers(const Stamp& stamp) const {
    return stamp.time <= all || (stamp.time <= some && (stamp.lanes & ~lanes) == 0);
  }
  void until(std::uint32_t time, std::uint32_t of_lanes);
  // of several lanes more than is true, so that nothing right is reported
  void join(const Known& other) {
    all = std::max(all, other.all);
    if (other.some > all)
      until(other.some, other.lanes);
  }
  void meet(const Known& other);
};

/// What a thread of the clocks had seen at one moment: per thread what it knows of its effects, and of its generic
/// accesses that a proxy fence has ordered with the asynchronous proxy's.
struct Moment {
  std::vector<Known> seen, fenced;
  void join(const Moment& other); ///< what one of the two knows
  void meet(const Moment& other); ///< what both know
  void clear();
};

/// Vector clocks (Mattern 1989) of the warps that run together, and of the units that work beside them. The order that
/// they know is that of barriers, named barriers, mbarriers and waits; flags in memory order nothing here.
class Clocks {
public:
  explicit Clocks(std::size_t threads);
  void reset();

  std::uint32_t now(std::uint32_t thread) const { return now_[thread]; }
  std::size_t threads() const { return moments_.size(); }
  /// What `lanes` of a warp know, their own accesses included.
  Moment moment(std::uint32_t thread, std::uint32_t lanes) const;

  /// Whether `stamp` comes before what `lanes` of `thread` do now. What a lane did itself does.
  bool ordered(const Stamp& stamp, std::uint32_t thread, std::uint32_t lanes) const {
    const bool own = stamp.thread == thread && stamp.lanes == lanes && std::has_single_bit(lanes);
    return own || knows(moments_[thread], stamp);
  }
  /// Whether it was one of `lanes`, or comes before what they do.
  bool includes(const Stamp& stamp, std::uint32_t thread, std::uint32_t lanes) const {
    return (stamp.thread == thread && (stamp.lanes & ~lanes) == 0) || knows(moments_[thread], stamp);
  }
  /// Of an access to what `before` was the last one to: lanes that have neither met nor told others of it since, nor
  /// fenced it, count as one.
  Stamp stamp(std::uint32_t thread, std::uint32_t lanes, const Stamp& before) const {
    const bool settled = told_[thread].covers(before) || fenced(moments_[thread], before);
    const bool alone = before.thread != thread || ordered(before, thread, lanes) || settled;
    return {thread, now(thread), alone ? lanes : before.lanes | lanes};
  }
  static bool knows(const Moment& moment, const Stamp& stamp) { return moment.seen[stamp.thread].covers(stamp); }
  static bool fenced(const Moment& moment, const Stamp& stamp) { return moment.fenced[stamp.thread].covers(stamp); }

  /// What `lanes` of `thread` do from here on is later than what `into` (a barrier, say) now knows.
  void release(std::uint32_t thread, std::uint32_t lanes, Moment& into);
  void acquire(std::uint32_t thread, const Moment& from) { moments_[thread].join(from); }
  void learn(std::uint32_t thread, const Stamp& stamp); ///< one event instead of a whole moment
  /// bar.warp.sync: these lanes of a warp know of each other.
  void converge(std::uint32_t thread, std::uint32_t lanes) { moments_[thread].seen[thread].until(tick(thread), lanes); }
  /// fence.proxy.async: generic accesses that `lanes` know are ordered with what the asynchronous proxy does.
  void fence(std::uint32_t thread, std::uint32_t lanes);
  std::uint32_t tick(std::uint32_t thread) { return now_[thread]++; } ///< the time that ends

private:
  std::vector<Moment> moments_; ///< of a warp itself: until its lanes last met
  std::vector<Known> told_;     ///< what of a warp's own accesses it has released to somebody
  std::vector<std::uint32_t> now_;
};

} // namespace attune::emulator
