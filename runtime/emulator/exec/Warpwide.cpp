// What lanes do together, and control flow (PTX ISA, "Control Flow", "Parallel Synchronization and Communication").
#include "runtime/emulator/exec/Elementwise.h"

namespace attune::emulator {

namespace {

using u32 = std::uint32_t;

enum class Shuffle { Up, Down, Butterfly, Index };

/// op.r: destination, value, b, c [, predicate].
template <Shuffle How> void shuffle(Warp& w, const Op& op) {
  u32 from[32];
  for (int l = 0; l < 32; ++l)
    from[l] = w.lane<u32>(op.r[1])[l];
  u32 result[32], inside = 0;
  for (int l = 0; l < 32; ++l) {
    const u32 c = w.lane<u32>(op.r[3])[l];
    const int b = static_cast<int>(w.lane<u32>(op.r[2])[l] & 31);
    const int segment = static_cast<int>(c >> 8 & 31), clamp = static_cast<int>(c & 31);
    const int highest = (l & segment) | (clamp & ~segment), lowest = l & segment;
    int j = 0;
    bool valid = false;
    if constexpr (How == Shuffle::Up) j = l - b, valid = j >= highest;
    if constexpr (How == Shuffle::Down) j = l + b, valid = j <= highest;
    if constexpr (How == Shuffle::Butterfly) j = l ^ b, valid = j <= highest;
    if constexpr (How == Shuffle::Index) j = lowest | (b & ~segment), valid = j <= highest;
    if (!valid)
      j = l;
    result[l] = from[j];
    inside |= static_cast<u32>(valid) << l;
    if ((w.mask >> l & 1) && !(w.mask >> j & 1))
      result[l] = 0xdeadbeef; // PTX: undefined when the source lane does not take part
  }
  for (int l = 0; l < 32; ++l)
    if (w.mask >> l & 1)
      w.lane<u32>(op.r[0])[l] = result[l];
  if (op.r.size() > 4) {
    u32& p = w.predicate(op.r[4]);
    p = (p & ~w.mask) | (inside & w.mask);
  }
}

bool selectShuffle(const Instruction& i, Decoder& d, Op& op) {
  if (!i.has("sync") || i.type() != Type::B32)
    return false;
  const bool with_predicate = i.operands.size() == 6;
  const std::size_t at = with_predicate ? 2 : 1;
  op.r.push_back(d.value(i.operands.at(0), Type::B32));
  for (std::size_t n = at; n < at + 3; ++n)
    op.r.push_back(d.value(i.operands.at(n), Type::B32));
  if (with_predicate)
    op.r.push_back(d.predicate(i.operands[1]));
  op.run = i.has("up") ? &shuffle<Shuffle::Up> : i.has("down") ? &shuffle<Shuffle::Down> : i.has("bfly") ? &shuffle<Shuffle::Butterfly> : &shuffle<Shuffle::Index>;
  op.flow = Flow::Converge;
  op.kind = Class::Other;
  return true;
}

bool selectVote(const Instruction& i, Decoder& d, Op& op) {
  if (!i.has("sync"))
    return false;
  op.flow = Flow::Converge;
  op.kind = Class::Other;
  const bool ballot = i.has("ballot");
  op.r = {ballot ? d.value(i.operands.at(0), Type::B32) : d.predicate(i.operands.at(0)), d.predicate(i.operands.at(1))};
  if (ballot)
    op.run = [](Warp& w, const Op& o) {
      const u32 votes = w.predicate(o.r[1]) & w.mask;
      for (int l = 0; l < 32; ++l)
        if (w.mask >> l & 1)
          w.lane<u32>(o.r[0])[l] = votes;
    };
  else {
    op.immediate = i.has("any") ? 0 : i.has("all") ? 1 : 2;
    op.run = [](Warp& w, const Op& o) {
      const u32 votes = w.predicate(o.r[1]) & w.mask;
      const bool yes = o.immediate == 0 ? votes != 0 : o.immediate == 1 ? votes == w.mask : votes == 0 || votes == w.mask;
      u32& p = w.predicate(o.r[0]);
      p = yes ? p | w.mask : p & ~w.mask;
    };
  }
  return true;
}

bool selectReduce(const Instruction& i, Decoder& d, Op& op) {
  const auto make = [&](auto combine) {
    using F = decltype(combine);
    op.run = [](Warp& w, const Op& o) {
      bool first = true;
      u32 all = 0;
      for (int l = 0; l < 32; ++l)
        if (w.mask >> l & 1) {
          const u32 value = w.lane<u32>(o.r[1])[l];
          all = first ? value : F{}(all, value);
          first = false;
        }
      for (int l = 0; l < 32; ++l)
        if (w.mask >> l & 1)
          w.lane<u32>(o.r[0])[l] = all;
    };
  };
  const bool is_signed = i.type() == Type::S32;
  if (i.has("add")) make([](u32 a, u32 b) { return a + b; });
  else if (i.has("and")) make([](u32 a, u32 b) { return a & b; });
  else if (i.has("or")) make([](u32 a, u32 b) { return a | b; });
  else if (i.has("xor")) make([](u32 a, u32 b) { return a ^ b; });
  else if (i.has("min") && is_signed) make([](u32 a, u32 b) { return static_cast<std::int32_t>(a) < static_cast<std::int32_t>(b) ? a : b; });
  else if (i.has("max") && is_signed) make([](u32 a, u32 b) { return static_cast<std::int32_t>(a) > static_cast<std::int32_t>(b) ? a : b; });
  else if (i.has("min")) make([](u32 a, u32 b) { return a < b ? a : b; });
  else if (i.has("max")) make([](u32 a, u32 b) { return a > b ? a : b; });
  else return false;
  op.r = {d.value(i.operands.at(0), Type::B32), d.value(i.operands.at(1), Type::B32)};
  op.flow = Flow::Converge;
  op.kind = Class::Other;
  return true;
}

} // namespace

bool selectWarpwide(const Instruction& i, Decoder& d, Op& op) {
  op.kind = Class::Other;
  if (i.opcode == "shfl")
    return selectShuffle(i, d, op);
  if (i.opcode == "vote")
    return selectVote(i, d, op);
  if (i.opcode == "redux")
    return selectReduce(i, d, op);
  if (i.opcode == "activemask") {
    op.r = {d.value(i.operands.at(0), Type::B32)};
    op.run = [](Warp& w, const Op& o) {
      for (int l = 0; l < 32; ++l)
        if (w.mask >> l & 1)
          w.lane<u32>(o.r[0])[l] = w.lanes;
    };
    return true;
  }
  if (i.opcode == "bra") {
    const auto label = d.entry().labels.find(i.operands.at(0).name);
    if (label == d.entry().labels.end())
      return false;
    op.flow = Flow::Branch;
    op.target = label->second;
    return true;
  }
  if (i.opcode == "ret" || i.opcode == "exit") {
    op.flow = Flow::Exit;
    return true;
  }
  if (i.opcode == "trap") {
    op.run = [](Warp& w, const Op&) { w.trap("the kernel trapped"); };
    return true;
  }
  if ((i.opcode == "bar" || i.opcode == "barrier") && (i.has("sync") || i.has("arrive")) && !i.has("cluster") && !i.has("red")) {
    if (i.has("warp")) {
      op.flow = Flow::Converge;
      return true;
    }
    for (const Operand& o : i.operands)
      if (o.kind != Operand::Kind::Integer)
        return false;
    op.flow = Flow::Barrier;
    op.immediate = static_cast<std::int64_t>(i.operands.at(0).bits);
    op.target = i.operands.size() > 1 ? static_cast<int>(i.operands[1].bits) : 0;
    op.shared = i.has("arrive");
    return op.immediate >= 0 && op.immediate < 16;
  }
  return i.opcode == "membar" || i.opcode == "fence" || i.opcode == "nanosleep" || i.opcode == "griddepcontrol" || i.opcode == "pmevent";
}

} // namespace attune::emulator
