#include "runtime/emulator/Clocks.h"

#include <algorithm>

namespace attune::emulator {

namespace {
void joinInto(std::vector<std::uint32_t>& into, const std::vector<std::uint32_t>& other) {
  into.resize(std::max(into.size(), other.size()));
  for (std::size_t i = 0; i < other.size(); ++i)
    into[i] = std::max(into[i], other[i]);
}
} // namespace

void Moment::join(const Moment& other) {
  joinInto(seen, other.seen);
  joinInto(fenced, other.fenced);
}

void Moment::clear() {
  std::fill(seen.begin(), seen.end(), 0);
  std::fill(fenced.begin(), fenced.end(), 0);
}

Clocks::Clocks(std::size_t threads) : moments_(threads) {
  for (Moment& moment : moments_)
    moment.seen.resize(threads), moment.fenced.resize(threads);
  reset();
}

void Clocks::reset() {
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    moments_[i].clear();
    moments_[i].seen[i] = 1;
  }
}

void Clocks::release(std::uint32_t thread, Moment& into) {
  into.join(moments_[thread]);
  tick(thread);
}

void Clocks::learn(std::uint32_t thread, const Stamp& stamp) {
  std::uint32_t& known = moments_[thread].seen[stamp.thread];
  known = std::max(known, stamp.time);
}

void Clocks::fence(std::uint32_t thread) {
  joinInto(moments_[thread].fenced, moments_[thread].seen);
  tick(thread);
}

} // namespace attune::emulator
