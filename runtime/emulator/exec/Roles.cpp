#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/exec/SharedPlaces.h"

// What specialised warps use beside barriers: elect, setmaxnreg, fences of proxies.
namespace attune::emulator::exec {

namespace {

/// op: leader, predicate, membermask. PTX leaves open which lane leads, as long as it is always the same one: the seed
/// decides. GPUs take the lowest, and public kernels rely on it (FlashAttention-3 lets thread 0 arrive for what the
/// elected lane copies): Options::lowest_leader.
void elect(Warp& warp, const Instr& instr) {
  const auto first = static_cast<unsigned>(std::countr_zero(warp.exec));
  const std::uint32_t members = warp.read<std::uint32_t>(instr.op[2])[first];
  if (!has(members, first))
    throw Fault{"a lane that is not in its own membermask", static_cast<int>(first)};
  if (!warp.converge(members))
    return;
  std::uint32_t chosen = warp.exec & members;
  if (const Options& options = *warp.block->launch.options; !options.lowest_leader) {
    Random choice{options.seed ^ members};
    for (std::uint32_t skip = choice.below(static_cast<std::uint32_t>(std::popcount(chosen))); skip != 0; --skip)
      chosen &= chosen - 1;
  }
  const auto leader = static_cast<std::uint32_t>(std::countr_zero(chosen));
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned) { return leader; });
  warp.setPredicate(instr.op[1], 1u << leader);
}

void decodeElect(Decode& decode) {
  decode.take("sync");
  decode.expectOperands(2, 2);
  const Operand& to = decode.operand(0);
  if (to.kind != Operand::Kind::Pair)
    decode.unsupported("no predicate");
  decode.destination(to.elements[0], {'b', 32});
  decode.destination(to.elements[1], {'p', 1});
  decode.source(decode.operand(1), {'b', 32});
  decode.handler(&elect, Class::Vote);
}

template <bool Increase>
void setMaxRegisters(Warp& warp, const Instr& instr) {
  if (!warp.converge(warp.alive()))
    return;
  RegisterPool& pool = warp.block->proxy->registers;
  if (!Increase)
    pool.release(warp, instr.target);
  else if (!pool.request(warp, instr.target))
    warp.retry({Wait::Kind::Registers, instr.target, 0});
}

void decodeSetMaxRegisters(Decode& decode) {
  const bool increase = decode.take("inc");
  if (!increase && !decode.take("dec"))
    decode.unsupported("this form");
  decode.take("sync"), decode.take("aligned"), decode.take("u32");
  decode.expectOperands(1, 1);
  decode.usesAsyncProxy();
  decode.instr.target = decode.constantOf(decode.operand(0));
  decode.handler(increase ? &setMaxRegisters<true> : &setMaxRegisters<false>, Class::Other);
}

void nothing(Warp&, const Instr&) {}

void fenceProxy(Warp& warp, const Instr&) {
  if (!warp.block->proxy)
    return;
  warp.block->clocks->fence(warp.thread(), warp.together());
  for (const auto& peer : warp.block->peers)
    peer->proxy->barriers.fenceInit(warp);
}

void fenceBarrierInit(Warp& warp, const Instr&) {
  if (warp.block->proxy)
    warp.block->proxy->barriers.fenceInit(warp, true);
}

/// Memory here is always coherent: of all fences only those between the generic and the asynchronous proxy do anything.
void decodeFence(Decode& decode) {
  const bool of_proxy = decode.take("proxy"), asynchronous = decode.take("async");
  const bool of_init = decode.take("mbarrier_init");
  const bool elsewhere = decode.peek("global");
  for (const std::string& suffix : decode.statement.suffix)
    decode.take(suffix);
  decode.handler(of_proxy && asynchronous && !elsewhere ? &fenceProxy
                 : of_init                              ? &fenceBarrierInit
                                                        : &nothing,
                 Class::Other);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addRoleRules(Rules& rules) {
  rules["elect"] = &exec::decodeElect;
  rules["setmaxnreg"] = &exec::decodeSetMaxRegisters;
  rules["fence"] = &exec::decodeFence;
}

} // namespace attune::emulator
