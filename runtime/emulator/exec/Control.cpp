#include "runtime/emulator/exec/Control.h"

#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/exec/Clusters.h"
#include "runtime/emulator/exec/Lanes.h"

namespace attune::emulator::exec {

void exit(Warp& warp, const Instr&) { warp.exit(); }

void call(Warp& warp, const Instr& instr) {
  const auto back = static_cast<std::uint32_t>(instr.immediate);
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned) { return back; });
  warp.branch(instr.target);
}

void ret(Warp& warp, const Instr& instr) {
  const auto* back = warp.read<std::uint32_t>(instr.op[0]);
  const std::uint32_t first = back[std::countr_zero(warp.exec)];
  for (unsigned i = 0; i < lanes; ++i)
    if (has(warp.exec, i) && back[i] != first)
      return warp.branchEach(back);
  warp.branch(first);
}

void fellOff(Warp&, const Instr&) { throw Fault{"a function ends without ret"}; }

namespace {

void jump(Warp& warp, const Instr& instr) { warp.branch(instr.target); }

void indexedJump(Warp& warp, const Instr& instr) {
  const std::vector<std::uint32_t>& table = warp.program->jump_tables[instr.target];
  const auto* index = warp.read<std::uint32_t>(instr.op[0]);
  std::uint32_t targets[lanes] = {};
  for (unsigned i = 0; i < lanes; ++i) {
    if (!has(warp.exec, i))
      continue;
    if (index[i] >= table.size())
      throw Fault{"jump index " + std::to_string(index[i]) + " is beyond its " + std::to_string(table.size()) +
                      " targets",
                  static_cast<int>(i)};
    targets[i] = table[index[i]];
  }
  warp.branchEach(targets);
}

} // namespace

bool isJump(Handler run) { return run == &jump; }
bool isIndexedJump(Handler run) { return run == &indexedJump; }

namespace {

const std::string& labelOf(Decode& decode, const Operand& operand) {
  if (operand.kind != Operand::Kind::Name)
    decode.unsupported("this target");
  return operand.name;
}

void decodeBranch(Decode& decode) {
  decode.take("uni");
  decode.expectOperands(1, 1);
  decode.decoder.jumpTo(labelOf(decode, decode.operand(0)), decode.statement.scope, decode.statement.line);
  decode.handler(&jump, Class::Branch);
}

void decodeIndexedBranch(Decode& decode) {
  decode.take("uni");
  if (!decode.take("idx"))
    decode.unsupported("this form");
  decode.expectOperands(2, 2);
  decode.source(decode.operand(0), {'u', 32});
  decode.instr.target =
      decode.decoder.jumpTable(labelOf(decode, decode.operand(1)), decode.statement.scope, decode.statement.line);
  decode.handler(&indexedJump, Class::Branch);
}

/// What all lanes name, as they must.
std::uint32_t sameInAll(const Warp& warp, Slot operand) {
  const auto* value = warp.read<std::uint32_t>(operand);
  const auto first = static_cast<unsigned>(std::countr_zero(warp.exec));
  for (std::uint32_t rest = warp.exec; rest != 0; rest &= rest - 1)
    if (const auto lane = std::countr_zero(rest); value[lane] != value[first])
      throw Fault{"lanes name different barriers or numbers of threads: " + std::to_string(value[first]) + " and " +
                      std::to_string(value[lane]),
                  lane};
  return value[first];
}

/// op: [result of a reduction,] barrier, threads[, predicate]
template <bool ArriveOnly>
void barrier(Warp& warp, const Instr& instr) {
  if (!warp.converge(warp.alive()))
    return;
  warp.block->barrier(warp, sameInAll(warp, instr.op[0]), sameInAll(warp, instr.op[1]), ArriveOnly);
}

void reducingBarrier(Warp& warp, const Instr& instr) {
  if (!warp.converge(warp.alive()))
    return;
  warp.block->barrier(warp, sameInAll(warp, instr.op[1]), sameInAll(warp, instr.op[2]), false,
                      static_cast<BarrierOp>(instr.detail), warp.predicate(instr.op[3]), instr.op[0]);
}

void warpBarrier(Warp& warp, const Instr& instr) {
  const auto* mask = warp.read<std::uint32_t>(instr.op[0]);
  std::uint32_t named = 0; // groups with masks of their own wait for one another, too
  for (std::uint32_t rest = warp.exec; rest != 0; rest &= rest - 1)
    named |= mask[std::countr_zero(rest)];
  if (!warp.converge(named))
    return;
  const std::uint32_t all = warp.exec;
  warp.exec = named & warp.alive();
  warp.block->clocks->converge(warp.thread(), warp.together());
  warp.exec = all;
}

void decodeBarrier(Decode& decode) {
  if (decode.take("cluster"))
    return decodeClusterBarrier(decode);
  decode.take("cta"), decode.take("aligned");
  if (decode.take("warp")) {
    decode.take("sync");
    decode.expectOperands(1, 1);
    decode.source(decode.operand(0), {'b', 32});
    return decode.handler(&warpBarrier, Class::Barrier);
  }
  const Operand whole; // 0: all threads of the block
  if (decode.take("red")) {
    const bool count = decode.take("popc"), all = decode.take("and");
    decode.take("or");
    const Type type = decode.takeType();
    decode.expectOperands(3, 4);
    decode.destination(decode.operand(0), type);
    decode.source(decode.operand(1), {'u', 32});
    decode.source(decode.count() == 4 ? decode.operand(2) : whole, {'u', 32});
    decode.source(decode.operand(decode.count() - 1), {'p', 1});
    decode.instr.detail = static_cast<std::uint16_t>(count ? BarrierOp::Popc : all ? BarrierOp::And : BarrierOp::Or);
    return decode.handler(&reducingBarrier, Class::Barrier);
  }
  const bool arrive = decode.take("arrive");
  if (!arrive && !decode.take("sync"))
    decode.unsupported("this form");
  decode.expectOperands(1, 2);
  decode.source(decode.operand(0), {'u', 32});
  decode.source(decode.count() == 2 ? decode.operand(1) : whole, {'u', 32});
  decode.handler(arrive ? &barrier<true> : &barrier<false>, Class::Barrier);
}

void nothing(Warp&, const Instr&) {}

/// Fences and hints: memory here is always coherent, so they order nothing that was not.
void decodeNothing(Decode& decode) {
  for (const std::string& suffix : decode.statement.suffix)
    decode.take(suffix);
  decode.handler(&nothing, Class::Other);
}

/// Programmatic dependent launch. Blocks may be here before the kernel ahead has written its last; after .wait they see
/// what it wrote. When it lets them start (.launch_dependents) changes nothing of that.
void seeWhole(Warp& warp, const Instr&) { warp.memory = warp.block->launch.memory; }

void decodeGridDependency(Decode& decode) {
  const bool waits = decode.take("wait");
  if (!waits && !decode.take("launch_dependents"))
    decode.unsupported("this form");
  decode.handler(waits ? &seeWhole : &nothing, Class::Other);
}

void trap(Warp&, const Instr&) { throw Fault{"the kernel executed trap"}; }

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addControlRules(Rules& rules) {
  using namespace exec;
  rules["bra"] = &decodeBranch;
  rules["brx"] = &decodeIndexedBranch;
  rules["bar"] = rules["barrier"] = &decodeBarrier;
  rules["call"] = [](Decode& decode) {
    decode.take("uni");
    decode.decoder.call(decode);
  };
  rules["ret"] = [](Decode& decode) {
    decode.take("uni");
    decode.decoder.returnFrom(decode);
  };
  rules["griddepcontrol"] = &decodeGridDependency;
  rules["exit"] = [](Decode& decode) { decode.handler(&exec::exit, Class::Branch); };
  rules["trap"] = rules["brkpt"] = [](Decode& decode) { decode.handler(&trap, Class::Other); };
  for (const char* opcode : {"membar", "nanosleep", "pmevent"})
    rules[opcode] = &decodeNothing;
}

} // namespace attune::emulator
