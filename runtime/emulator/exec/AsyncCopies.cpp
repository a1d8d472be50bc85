#include "runtime/emulator/exec/BulkDecode.h"
#include "runtime/emulator/exec/SharedPlaces.h"

#include <algorithm>
#include <cstring>

namespace attune::emulator::exec {

namespace {

/// op: shared address, global address, source size. Both sides are checked now, the source is read at landing.
/// The shared address may have 64-bit lanes: bit 0 of `wide`.
void copy(Warp& warp, const Instr& instr) {
  const unsigned bytes = instr.detail;
  Access to, from;
  Instr part = instr;
  part.immediate = instr.target;
  part.wide_address = (instr.wide & 1) != 0;
  addresses(warp, part, instr.op[0], to);
  addresses(warp, instr, instr.op[1], from);
  for (unsigned i = 0; i < lanes && part.wide_address; ++i)
    to.address[i] -= to.address[i] - shared_window < window_bytes ? shared_window : 0;
  resolveShared(warp, bytes, Direction::Write, SharedAccess::AsyncCopy, to);
  AsyncCopy made;
  made.lanes = warp.exec;
  made.bytes = bytes;
  std::memcpy(made.available.data(), warp.read<std::uint32_t>(instr.op[2]), sizeof(made.available));
  const std::uint32_t too_large = warp.exec & lanesWhere([&](unsigned i) { return made.available[i] > bytes; });
  if (too_large != 0) {
    const auto lane = static_cast<unsigned>(std::countr_zero(too_large));
    throw Fault{"source size " + std::to_string(made.available[lane]) + " is larger than the copy of " +
                    std::to_string(bytes) + " bytes",
                static_cast<int>(lane)};
  }
  // a source that is all zero fill is never read: PTX lets its address be anything
  warp.exec &= lanesWhere([&](unsigned i) { return made.available[i] != 0; });
  if (warp.exec != 0)
    resolve(warp, Space::Global, bytes, Direction::Read, from);
  else
    std::fill_n(from.host, lanes, nullptr);
  warp.exec = made.lanes;
  std::copy_n(from.host, lanes, made.source.begin());
  std::copy_n(to.host, lanes, made.destination.begin());
  warp.async.issue(made);
}

void landEarly(Warp& warp) {
  if (warp.block->launch.options->random_landing)
    warp.async.landSome(warp.block->random);
}

void commit(Warp& warp, const Instr&) {
  warp.async.commit(warp.exec);
  landEarly(warp);
}

void waitGroup(Warp& warp, const Instr& instr) { warp.async.wait(warp, warp.exec, instr.target); }
void waitAll(Warp& warp, const Instr&) { warp.async.waitAll(warp, warp.exec); }

/// An arrival of each lane, without .noinc one that the phase did not wait for.
template <bool Extra>
void arriveAfterCopies(Warp& warp, const Instr& instr) {
  const Places places(warp, instr, instr.op[0]);
  eachLane(warp, [&](unsigned lane) {
    if (Extra)
      places.of[lane].block->proxy->barriers.addArrival(places.of[lane].offset);
    warp.block->proxy->copies.arriveAfterCopies(warp, places.of[lane]);
  });
}

void decodeArrive(Decode& decode) {
  decode.usesAsyncProxy();
  const bool counted = decode.take("noinc");
  decode.take("arrive");
  decode.takeSpace();
  decode.take("b64");
  decode.expectOperands(1, 1);
  decode.address(decode.operand(0));
  decode.handler(counted ? &arriveAfterCopies<false> : &arriveAfterCopies<true>, Class::AsyncCopy);
}

void decodeCopy(Decode& decode) {
  if (decode.take("mbarrier"))
    return decodeArrive(decode);
  if (decode.take("commit_group"))
    return decode.handler(&commit, Class::AsyncCopy);
  if (decode.take("wait_all"))
    return decode.handler(&waitAll, Class::AsyncCopy);
  if (decode.take("wait_group")) {
    decode.instr.target = decode.constantOf(decode.operand(0));
    return decode.handler(&waitGroup, Class::AsyncCopy);
  }
  const bool policy = decode.takeCacheHints();
  if (!decode.takeOwnShared() || !decode.take("global"))
    decode.unsupported("these spaces");
  decode.expectOperands(3, 5);
  const std::uint32_t bytes = decode.constantOf(decode.operand(2));
  if (bytes != 4 && bytes != 8 && bytes != 16)
    decode.unsupported("a size of " + std::to_string(bytes) + " bytes");
  decode.instr.detail = static_cast<std::uint16_t>(bytes);
  decode.address(decode.operand(0));
  const bool wide_shared = decode.instr.wide_address;
  decode.instr.target = static_cast<std::uint32_t>(decode.instr.immediate);
  decode.address(decode.operand(1));
  if (!decode.instr.wide_address)
    decode.unsupported("a 32-bit global address");
  decode.instr.wide = wide_shared;
  const bool has_size = decode.count() == (policy ? 5 : 4);
  if (has_size && decode.widthOf(decode.operand(3)) == 1)
    decode.unsupported("an ignore-src predicate");
  Operand whole;
  whole.value = bytes;
  decode.source(has_size ? decode.operand(3) : whole, {'u', 32});
  decode.handler(&copy, Class::AsyncCopy);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addAsyncRules(Rules& rules) {
  rules["cp"] = [](Decode& decode) {
    if (decode.peek("bulk"))
      return exec::decodeBulk(decode, decode.take("reduce"));
    if (!decode.take("async"))
      decode.unsupported("this form");
    exec::decodeCopy(decode);
  };
}

} // namespace attune::emulator
