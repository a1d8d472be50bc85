#include "runtime/emulator/Clocks.h"

namespace attune::emulator {

namespace {
void joinInto(std::vector<Known>& into, const std::vector<Known>& other) {
  into.resize(std::max(into.size(), other.size()));
  for (std::size_t i = 0; i < other.size(); ++i)
    into[i].join(other[i]);
}
} // namespace

void Known::until(std::uint32_t time, std::uint32_t of_lanes) {
  if (of_lanes == whole_warp)
    all = std::max(all, time);
  else if (some <= all) // what it said is in `all`
    some = time, lanes = of_lanes;
  else
    some = std::max(some, time), lanes |= of_lanes;
}

void Known::meet(const Known& other) {
  const Known both[] = {{0, std::min(some, other.all), lanes},
                        {0, std::min(all, other.some), other.lanes},
                        {0, std::min(some, other.some), lanes & other.lanes}};
  all = std::min(all, other.all), some = lanes = 0;
  for (const Known& part : both)
    if (part.lanes != 0)
      join(part);
}

void Moment::join(const Moment& other) {
  joinInto(seen, other.seen);
  joinInto(fenced, other.fenced);
}

void Moment::meet(const Moment& other) {
  for (std::size_t i = 0; i < seen.size(); ++i)
    seen[i].meet(other.seen[i]), fenced[i].meet(other.fenced[i]);
}

void Moment::clear() {
  std::fill(seen.begin(), seen.end(), Known{});
  std::fill(fenced.begin(), fenced.end(), Known{});
}

Clocks::Clocks(std::size_t threads) : moments_(threads), told_(threads), now_(threads, 1) {
  for (Moment& moment : moments_)
    moment.seen.resize(threads), moment.fenced.resize(threads);
}

void Clocks::reset() {
  for (Moment& moment : moments_)
    moment.clear();
  std::fill(told_.begin(), told_.end(), Known{});
  std::fill(now_.begin(), now_.end(), 1);
}

Moment Clocks::moment(std::uint32_t thread, std::uint32_t lanes) const {
  Moment moment = moments_[thread];
  moment.seen[thread].until(now_[thread], lanes);
  return moment;
}

void Clocks::release(std::uint32_t thread, std::uint32_t lanes, Moment& into) {
  into.join(moments_[thread]);
  told_[thread].until(now_[thread], lanes);
  into.seen[thread].until(tick(thread), lanes);
}

void Clocks::learn(std::uint32_t thread, const Stamp& stamp) {
  moments_[thread].seen[stamp.thread].until(stamp.time, stamp.lanes);
}

void Clocks::fence(std::uint32_t thread, std::uint32_t lanes) {
  Moment& moment = moments_[thread];
  joinInto(moment.fenced, moment.seen);
  moment.fenced[thread].until(tick(thread), lanes);
}

} // namespace attune::emulator
