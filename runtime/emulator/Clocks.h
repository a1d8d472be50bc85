#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace attune::emulator {

/// What a thread of the clocks had seen at one moment: per thread the last time whose effects it knows, and the last
/// time whose generic writes a proxy fence has made known to the asynchronous proxy.
struct Moment {
  std::vector<std::uint32_t> seen, fenced;
  void join(const Moment& other);
  void clear();
};

/// An access: whose, and when. Time 0: never.
struct Stamp {
  std::uint32_t thread = 0, time = 0;
};

/// Vector clocks (Mattern 1989) of the warps that run together, and of the units that work beside them. The order that
/// they know is that of barriers, named barriers, mbarriers and waits; flags in memory order nothing here.
class Clocks {
public:
  explicit Clocks(std::size_t threads);
  void reset();

  std::uint32_t now(std::uint32_t thread) const { return moments_[thread].seen[thread]; }
  const Moment& moment(std::uint32_t thread) const { return moments_[thread]; }
  std::size_t threads() const { return moments_.size(); }

  bool ordered(const Stamp& stamp, std::uint32_t thread) const {
    return stamp.thread == thread || knows(moments_[thread], stamp);
  }
  static bool knows(const Moment& moment, const Stamp& stamp) { return stamp.time <= moment.seen[stamp.thread]; }
  static bool fenced(const Moment& moment, const Stamp& stamp) { return stamp.time <= moment.fenced[stamp.thread]; }

  /// What `thread` does from here on is later than what `into` (a barrier, say) now knows.
  void release(std::uint32_t thread, Moment& into);
  void acquire(std::uint32_t thread, const Moment& from) { moments_[thread].join(from); }
  void learn(std::uint32_t thread, const Stamp& stamp); ///< one event instead of a whole moment
  /// fence.proxy.async: generic writes that `thread` knows may be read by the asynchronous proxy.
  void fence(std::uint32_t thread);
  std::uint32_t tick(std::uint32_t thread) { return moments_[thread].seen[thread]++; } ///< the time that ends

private:
  std::vector<Moment> moments_;
};

} // namespace attune::emulator
