#include "runtime/emulator/exec/Lanes.h"

#include <cstring>

namespace attune::emulator::exec {

namespace {

enum class Shuffle : std::uint8_t { Up, Down, Butterfly, Index };

/// Runs Part when the lanes that membermasks name are here. Lanes with different masks, as those of two tiles or of the
/// sets that a match found, have nothing to do with each other: Part runs for each of these groups, with it in exec.
template <Handler Part, unsigned Membermask>
void together(Warp& warp, const Instr& instr) {
  const auto* mask = warp.read<std::uint32_t>(instr.op[Membermask]);
  const std::uint32_t here = warp.exec;
  const std::uint32_t first = mask[std::countr_zero(here)];
  const std::uint32_t same = here & lanesWhere([=](unsigned i) { return mask[i] == first; });
  const std::uint32_t absent = here & lanesWhere([=](unsigned i) { return (mask[i] >> i & 1) == 0; });
  if (absent != 0)
    throw Fault{"a lane that is not in its own membermask", std::countr_zero(absent)};
  std::uint32_t named = first;
  for (std::uint32_t rest = here & ~same; rest != 0; rest &= rest - 1)
    named |= mask[std::countr_zero(rest)];
  if (!warp.converge(named))
    return;
  for (std::uint32_t left = here; left != 0; left &= ~warp.exec) {
    const std::uint32_t group = mask[std::countr_zero(left)];
    warp.exec = left == here ? same : left & lanesWhere([=](unsigned i) { return mask[i] == group; });
    Part(warp, instr);
  }
  warp.exec = here;
}

/// op: d, p, a, b, c, membermask
template <Shuffle Mode>
void shuffle(Warp& warp, const Instr& instr) {
  std::uint32_t source[lanes];
  std::memcpy(source, warp.read<std::uint32_t>(instr.op[2]), sizeof(source));
  const auto* b = warp.read<std::uint32_t>(instr.op[3]);
  const auto* c = warp.read<std::uint32_t>(instr.op[4]);
  std::uint32_t result[lanes], valid = 0;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    const int by = static_cast<int>(b[lane] & 31), clamp = static_cast<int>(c[lane] & 31),
              segment = static_cast<int>(c[lane] >> 8 & 31);
    const int self = static_cast<int>(lane);
    const int most = (self & segment) | (clamp & ~segment), least = self & segment;
    int from = self;
    bool inside = false;
    switch (Mode) {
    case Shuffle::Up:
      from = self - by, inside = from >= most;
      break;
    case Shuffle::Down:
      from = self + by, inside = from <= most;
      break;
    case Shuffle::Butterfly:
      from = self ^ by, inside = from <= most;
      break;
    case Shuffle::Index:
      from = least | (by & ~segment), inside = from <= most;
      break;
    }
    from = inside ? from : self;
    valid |= inside ? 1u << lane : 0;
    result[lane] = source[from & 31];
    if (has(warp.exec, lane) && !has(warp.exec, static_cast<unsigned>(from)))
      result[lane] = 0x7fc0dead; // reading a lane that is not here is undefined: poison
  }
  forLanes<std::uint32_t>(warp, instr.op[0], [&](unsigned i) { return result[i]; });
  warp.setPredicate(instr.op[1], valid);
}

void decodeShuffle(Decode& decode) {
  const bool sync = decode.take("sync");
  const Shuffle mode = decode.take("up")     ? Shuffle::Up
                       : decode.take("down") ? Shuffle::Down
                       : decode.take("bfly") ? Shuffle::Butterfly
                                             : Shuffle::Index;
  decode.take("idx");
  decode.takeType();
  decode.expectOperands(sync ? 5 : 4, sync ? 5 : 4);
  const Operand& to = decode.operand(0);
  const bool pair = to.kind == Operand::Kind::Pair;
  Operand sink;
  sink.kind = Operand::Kind::Name;
  sink.name = "_";
  decode.destination(pair ? to.elements[0] : to, {'b', 32});
  decode.destination(pair ? to.elements[1] : sink, {'p', 1});
  decode.sources(1, 3, {'b', 32});
  if (!sync)
    decode.unsupported("no .sync");
  decode.source(decode.operand(4), {'b', 32});
  static constexpr Handler handlers[] = {&together<&shuffle<Shuffle::Up>, 5>, &together<&shuffle<Shuffle::Down>, 5>,
                                         &together<&shuffle<Shuffle::Butterfly>, 5>,
                                         &together<&shuffle<Shuffle::Index>, 5>};
  decode.handler(handlers[static_cast<std::size_t>(mode)], Class::Shuffle);
}

enum class Vote : std::uint16_t { All, Any, Uniform, Ballot };

void vote(Warp& warp, const Instr& instr) {
  const std::uint32_t yes = warp.predicate(instr.op[1]) & warp.exec;
  switch (static_cast<Vote>(instr.detail)) {
  case Vote::All:
    warp.setPredicate(instr.op[0], yes == warp.exec ? ~0u : 0);
    return;
  case Vote::Any:
    warp.setPredicate(instr.op[0], yes != 0 ? ~0u : 0);
    return;
  case Vote::Uniform:
    warp.setPredicate(instr.op[0], yes == 0 || yes == warp.exec ? ~0u : 0);
    return;
  case Vote::Ballot:
    forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned) { return yes; });
    return;
  }
}

void decodeVote(Decode& decode) {
  if (!decode.take("sync"))
    decode.unsupported("no .sync");
  const Vote kind = decode.take("all")   ? Vote::All
                    : decode.take("any") ? Vote::Any
                    : decode.take("uni") ? Vote::Uniform
                                         : Vote::Ballot;
  decode.take("ballot");
  const Type type = decode.takeType();
  decode.expectOperands(3, 3);
  decode.destination(decode.operand(0), type);
  decode.source(decode.operand(1), {'p', 1});
  decode.source(decode.operand(2), {'b', 32});
  decode.instr.detail = static_cast<std::uint16_t>(kind);
  decode.handler(&together<&vote, 2>, Class::Vote);
}

void activeMask(Warp& warp, const Instr& instr) {
  const std::uint32_t mask = warp.exec;
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned) { return mask; });
}

/// op: d, p, a, membermask
template <class T, bool All>
void match(Warp& warp, const Instr& instr) {
  T a[lanes];
  std::memcpy(a, warp.read<T>(instr.op[2]), sizeof(a));
  std::uint32_t same[lanes];
  for (unsigned i = 0; i < lanes; ++i) {
    same[i] = 0;
    for (unsigned j = 0; j < lanes; ++j)
      same[i] |= has(warp.exec, j) && a[i] == a[j] ? 1u << j : 0;
  }
  const bool agreed = same[std::countr_zero(warp.exec)] == warp.exec;
  forLanes<std::uint32_t>(warp, instr.op[0], [&](unsigned i) { return All ? (agreed ? warp.exec : 0) : same[i]; });
  if (All)
    warp.setPredicate(instr.op[1], agreed ? ~0u : 0);
}

void decodeMatch(Decode& decode) {
  const bool all = decode.take("all");
  decode.take("any");
  if (!decode.take("sync"))
    decode.unsupported("no .sync");
  const Type type = decode.takeType();
  decode.expectOperands(3, 3);
  const Operand& to = decode.operand(0);
  const bool pair = to.kind == Operand::Kind::Pair;
  Operand sink;
  sink.kind = Operand::Kind::Name;
  sink.name = "_";
  decode.destination(pair ? to.elements[0] : to, {'b', 32});
  decode.destination(pair ? to.elements[1] : sink, {'p', 1});
  decode.source(decode.operand(1), type);
  decode.source(decode.operand(2), {'b', 32});
  const bool wide = type.bits == 64;
  decode.handler(all ? (wide ? &together<&match<std::uint64_t, true>, 3> : &together<&match<std::uint32_t, true>, 3>)
                     : (wide ? &together<&match<std::uint64_t, false>, 3> : &together<&match<std::uint32_t, false>, 3>),
                 Class::Vote);
}

enum class Reduction : std::uint8_t { Add, Min, Max, And, Or, Xor };

template <class T, Reduction R>
void reduce(Warp& warp, const Instr& instr) {
  const auto* a = warp.read<std::uint32_t>(instr.op[1]);
  bool first = true;
  T total{};
  for (std::uint32_t rest = warp.exec; rest != 0; rest &= rest - 1, first = false) {
    const T value = static_cast<T>(a[std::countr_zero(rest)]);
    if (first)
      total = value;
    else if constexpr (R == Reduction::Add)
      total = static_cast<T>(static_cast<std::uint32_t>(total) + static_cast<std::uint32_t>(value));
    else if constexpr (R == Reduction::Min)
      total = value < total ? value : total;
    else if constexpr (R == Reduction::Max)
      total = value > total ? value : total;
    else
      total = static_cast<T>(R == Reduction::And ? total & value : R == Reduction::Or ? total | value : total ^ value);
  }
  forLanes<std::uint32_t>(warp, instr.op[0], [=](unsigned) { return static_cast<std::uint32_t>(total); });
}

void decodeReduce(Decode& decode) {
  if (!decode.take("sync"))
    decode.unsupported("no .sync");
  Handler run = nullptr;
  const bool is_signed = decode.peek("s32");
  if (decode.take("add"))
    run = &together<&reduce<std::uint32_t, Reduction::Add>, 2>;
  else if (decode.take("min"))
    run = is_signed ? &together<&reduce<std::int32_t, Reduction::Min>, 2>
                    : &together<&reduce<std::uint32_t, Reduction::Min>, 2>;
  else if (decode.take("max"))
    run = is_signed ? &together<&reduce<std::int32_t, Reduction::Max>, 2>
                    : &together<&reduce<std::uint32_t, Reduction::Max>, 2>;
  else if (decode.take("and"))
    run = &together<&reduce<std::uint32_t, Reduction::And>, 2>;
  else if (decode.take("or"))
    run = &together<&reduce<std::uint32_t, Reduction::Or>, 2>;
  else if (decode.take("xor"))
    run = &together<&reduce<std::uint32_t, Reduction::Xor>, 2>;
  const Type type = decode.takeType();
  if (type.kind == 'f')
    run = nullptr;
  plain(decode, type, 2, run, Class::Vote);
}

} // namespace

} // namespace attune::emulator::exec

namespace attune::emulator {

void addWarpRules(Rules& rules) {
  using namespace exec;
  rules["shfl"] = &decodeShuffle;
  rules["vote"] = &decodeVote;
  rules["match"] = &decodeMatch;
  rules["redux"] = &decodeReduce;
  rules["activemask"] = [](Decode& decode) {
    decode.destination(decode.operand(0), decode.takeType());
    decode.handler(&activeMask, Class::Vote);
  };
}

} // namespace attune::emulator
