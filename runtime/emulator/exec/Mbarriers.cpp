#include "runtime/emulator/exec/SharedPlaces.h"

namespace attune::emulator::exec {

namespace {

void initialize(Warp& warp, const Instr& instr) {
  const Places places(warp, instr, instr.op[0]);
  const auto* count = warp.read<std::uint32_t>(instr.op[1]);
  eachLane(warp, [&](unsigned lane) {
    places.of[lane].block->proxy->barriers.init(warp, places.of[lane].offset, count[lane]);
  });
}

void invalidate(Warp& warp, const Instr& instr) {
  const Places places(warp, instr, instr.op[0]);
  eachLane(warp,
           [&](unsigned lane) { places.of[lane].block->proxy->barriers.invalidate(warp, places.of[lane].offset); });
}

/// What arrive has in `detail`.
struct ArriveDetail {
  std::uint16_t expects : 1, drop : 1, no_complete : 1, relaxed : 1, spare : 12;
};

/// op: state, address, count or bytes.
void arrive(Warp& warp, const Instr& instr) {
  const auto detail = std::bit_cast<ArriveDetail>(instr.detail);
  const Places places(warp, instr, instr.op[1]);
  const auto* value = warp.read<std::uint32_t>(instr.op[2]);
  auto* state = warp.write<std::uint64_t>(instr.op[0]);
  eachLane(warp, [&](unsigned lane) {
    Mbarriers::Arrival arrival;
    (detail.expects != 0 ? arrival.transactions : arrival.count) = value[lane];
    arrival.drop = detail.drop != 0, arrival.no_complete = detail.no_complete != 0;
    arrival.relaxed = detail.relaxed != 0;
    state[lane] = places.of[lane].block->proxy->barriers.arrive(warp, places.of[lane].offset, arrival);
  });
}

template <bool Complete>
void countBytes(Warp& warp, const Instr& instr) {
  const Places places(warp, instr, instr.op[0]);
  const auto* bytes = warp.read<std::uint32_t>(instr.op[1]);
  eachLane(warp, [&](unsigned lane) {
    Mbarriers& barriers = places.of[lane].block->proxy->barriers;
    if (Complete)
      barriers.completeTransactions(places.of[lane].offset, bytes[lane],
                                    {warp.thread(), warp.block->clocks->tick(warp.thread()), 1u << lane});
    else
      barriers.expectTransactions(warp, places.of[lane].offset, bytes[lane]);
  });
}

/// What test_wait and try_wait have in `detail`.
struct WaitDetail {
  std::uint16_t parity : 1, relaxed : 1, suspends : 1, spare : 13;
};

/// op: predicate, address, state or parity. try_wait suspends the warp where no lane can go on; with random landing it
/// sometimes returns false instead, as its time limit allows.
void wait(Warp& warp, const Instr& instr) {
  const auto detail = std::bit_cast<WaitDetail>(instr.detail);
  const Places places(warp, instr, instr.op[1]);
  std::uint32_t complete = 0;
  eachLane(warp, [&](unsigned lane) {
    const SharedPlace& place = places.of[lane];
    if (place.block != warp.block)
      throw Fault{"a wait for an mbarrier of another block: it may only be signalled from afar"};
    Mbarriers& barriers = place.block->proxy->barriers;
    const bool done =
        detail.parity != 0
            ? barriers.testParity(warp, place.offset, warp.read<std::uint32_t>(instr.op[2])[lane], detail.relaxed != 0)
            : barriers.testPhase(warp, place.offset, warp.read<std::uint64_t>(instr.op[2])[lane], detail.relaxed != 0);
    complete |= done ? 1u << lane : 0;
  });
  Random& random = warp.block->random;
  if (complete == 0 && detail.suspends != 0 && !(warp.block->launch.options->random_landing && random.below(16) == 0)) {
    const auto lane = static_cast<unsigned>(std::countr_zero(warp.exec));
    return warp.retry({Wait::Kind::Mbarrier, places.of[lane].offset,
                       detail.parity != 0
                           ? warp.read<std::uint32_t>(instr.op[2])[lane]
                           : static_cast<std::uint32_t>(warp.read<std::uint64_t>(instr.op[2])[lane] & 1)});
  }
  if (complete == 0 && detail.suspends == 0 && random.below(4) == 0)
    warp.block->proxy->copies.landOne(random); // a loop of test_wait must end some day
  warp.setPredicate(instr.op[0], complete);
}

void pendingCount(Warp& warp, const Instr& instr) {
  const auto* state = warp.read<std::uint64_t>(instr.op[1]);
  auto* count = warp.write<std::uint32_t>(instr.op[0]);
  eachLane(warp, [&](unsigned lane) { count[lane] = warp.block->proxy->barriers.pendingOf(state[lane]); });
}

/// The state that an arrive may leave out.
void stateOperand(Decode& decode, bool given) {
  Operand sink;
  sink.kind = Operand::Kind::Name;
  sink.name = "_";
  decode.destination(given ? decode.operand(0) : sink, {'b', 64});
}

void decodeArrive(Decode& decode, bool drop) {
  ArriveDetail detail{};
  detail.drop = drop;
  detail.expects = decode.take("expect_tx");
  detail.no_complete = decode.take("noComplete");
  detail.relaxed = decode.peek("relaxed");
  decode.takeCacheHints();
  decode.takeSpace();
  decode.take("b64");
  const bool given = decode.operand(0).kind != Operand::Kind::Address;
  const std::size_t at = given ? 1 : 0;
  decode.expectOperands(at + 1, at + 2);
  stateOperand(decode, given);
  decode.address(decode.operand(at));
  Operand one;
  one.value = 1;
  const bool has_value = decode.count() > at + 1;
  if (detail.expects != 0 && !has_value)
    decode.unsupported("no number of bytes");
  decode.source(has_value ? decode.operand(at + 1) : one, {'u', 32});
  decode.instr.detail = std::bit_cast<std::uint16_t>(detail);
  decode.handler(&arrive, Class::Mbarrier);
}

void decodeWait(Decode& decode, bool suspends) {
  WaitDetail detail{};
  detail.suspends = suspends;
  detail.parity = decode.take("parity");
  detail.relaxed = decode.peek("relaxed");
  decode.takeCacheHints();
  decode.takeSpace();
  decode.take("b64");
  decode.expectOperands(3, suspends ? 4 : 3); // a time hint changes no result
  decode.destination(decode.operand(0), {'p', 1});
  decode.address(decode.operand(1));
  decode.source(decode.operand(2), {'b', detail.parity != 0 ? 32u : 64u});
  decode.instr.detail = std::bit_cast<std::uint16_t>(detail);
  decode.handler(&wait, Class::Mbarrier);
}

/// An address and perhaps one number.
void decodeSimple(Decode& decode, Handler run, std::size_t operands) {
  decode.takeCacheHints();
  decode.takeSpace();
  decode.take("b64");
  decode.expectOperands(operands, operands);
  decode.address(decode.operand(0));
  if (operands == 2)
    decode.source(decode.operand(1), {'u', 32});
  decode.handler(run, Class::Mbarrier);
}

void decodeMbarrier(Decode& decode) {
  decode.usesAsyncProxy();
  if (decode.take("init"))
    return decodeSimple(decode, &initialize, 2);
  if (decode.take("inval"))
    return decodeSimple(decode, &invalidate, 1);
  if (decode.take("arrive"))
    return decodeArrive(decode, false);
  if (decode.take("arrive_drop"))
    return decodeArrive(decode, true);
  if (decode.take("expect_tx"))
    return decodeSimple(decode, &countBytes<false>, 2);
  if (decode.take("complete_tx"))
    return decodeSimple(decode, &countBytes<true>, 2);
  if (decode.take("test_wait"))
    return decodeWait(decode, false);
  if (decode.take("try_wait"))
    return decodeWait(decode, true);
  if (!decode.take("pending_count"))
    decode.unsupported("this form");
  decode.take("b64");
  decode.expectOperands(2, 2);
  decode.destination(decode.operand(0), {'u', 32});
  decode.source(decode.operand(1), {'b', 64});
  decode.handler(&pendingCount, Class::Mbarrier);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addMbarrierRules(Rules& rules) { rules["mbarrier"] = &exec::decodeMbarrier; }

} // namespace attune::emulator
