#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/exec/Control.h"

#include <algorithm>
#include <bit>
#include <queue>

// PTX is in static single assignment: a kernel names thousands of registers, of which few live at a time. Registers
// whose live ranges do not meet share a slot, so that the registers of a warp fit the first-level cache. That is sound
// under divergence: slots are per lane, and each lane alone is a scalar program. Handlers read all sources before they
// write, or lane by lane; so a destination may take the slot of a source that dies there, if both are of one width.

namespace attune::emulator {

namespace {

class BitSet {
public:
  BitSet() = default;
  explicit BitSet(std::size_t bits) : words_((bits + 63) / 64) {}
  bool test(std::size_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void set(std::size_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
  /// this |= gained & ~without; true if it grew.
  bool merge(const BitSet& gained, const BitSet* without = nullptr) {
    std::uint64_t news = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint64_t add = gained.words_[i] & (without != nullptr ? ~without->words_[i] : ~std::uint64_t{0});
      news |= add & ~words_[i];
      words_[i] |= add;
    }
    return news != 0;
  }
  template <class F>
  void each(F f) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1)
        f(i * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
  }

private:
  std::vector<std::uint64_t> words_;
};

struct BasicBlock {
  std::size_t begin, end;
  std::vector<std::size_t> next;
  BitSet used, defined, live_in, live_out;
};

struct Interval {
  std::size_t start = ~std::size_t{0}, end = 0; ///< twice the position; a definition is one later than a use
  void cover(std::size_t at) { start = std::min(start, at), end = std::max(end, at); }
};

bool isRegister(Slot slot) { return slot >= 0 && slot != no_slot; }

/// f(register, is_definition); a definition under a guard keeps the other lanes' value, so it is a use as well.
template <class F>
void visit(const Instr& instr, F f) {
  if (instr.guard != no_slot)
    f(static_cast<std::size_t>(instr.guard), false);
  for (std::size_t i = instr.writes; i < instr.operands; ++i)
    if (isRegister(instr.op[i]))
      f(static_cast<std::size_t>(instr.op[i]), false);
  for (std::size_t i = 0; i < instr.writes; ++i) {
    if (instr.guard != no_slot)
      f(static_cast<std::size_t>(instr.op[i]), false);
    f(static_cast<std::size_t>(instr.op[i]), true);
  }
}

bool isSomeJump(const Instr& instr) { return exec::isJump(instr.run) || exec::isIndexedJump(instr.run); }
bool endsFunction(const Instr& instr) {
  return instr.run == &exec::exit || instr.run == &exec::ret || instr.run == &exec::fellOff;
}

/// The basic blocks of the function at [begin, end). A call goes on behind itself.
std::vector<BasicBlock> basicBlocks(const Program& program, std::size_t begin, std::size_t end) {
  const std::vector<bool> leader = leaders(program, begin, end);
  std::vector<BasicBlock> blocks;
  std::vector<std::size_t> block_at(end - begin);
  for (std::size_t i = begin; i < end; ++i) {
    if (leader[i - begin])
      blocks.push_back({i, i, {}, {}, {}, {}, {}});
    blocks.back().end = i + 1;
    block_at[i - begin] = blocks.size() - 1;
  }
  for (BasicBlock& block : blocks) {
    const Instr& last = program.code[block.end - 1];
    if (exec::isJump(last.run))
      block.next.push_back(block_at[last.target - begin]);
    else if (exec::isIndexedJump(last.run))
      for (const std::uint32_t target : program.jump_tables[last.target])
        block.next.push_back(block_at[target - begin]);
    const bool goes_on = (!isSomeJump(last) && !endsFunction(last)) || last.guard != no_slot;
    if (goes_on && block.end < end)
      block.next.push_back(block_at[block.end - begin]);
  }
  return blocks;
}

void liveRanges(const Program& program, std::size_t begin, std::size_t end, std::vector<Interval>& intervals) {
  std::vector<BasicBlock> blocks = basicBlocks(program, begin, end);
  for (BasicBlock& block : blocks) {
    block.used = block.defined = block.live_in = block.live_out = BitSet(intervals.size());
    for (std::size_t i = block.begin; i < block.end; ++i)
      visit(program.code[i], [&](std::size_t number, bool defines) {
        intervals[number].cover(2 * i + (defines ? 1 : 0));
        if (defines)
          block.defined.set(number);
        else if (!block.defined.test(number))
          block.used.set(number);
      });
    block.live_in = block.used;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = blocks.size(); i-- > 0;) {
      for (const std::size_t next : blocks[i].next)
        changed |= blocks[i].live_out.merge(blocks[next].live_in);
      changed |= blocks[i].live_in.merge(blocks[i].live_out, &blocks[i].defined);
    }
  }
  for (const BasicBlock& block : blocks) {
    block.live_in.each([&](std::size_t number) { intervals[number].cover(2 * block.begin); });
    block.live_out.each([&](std::size_t number) { intervals[number].cover(2 * block.end); });
  }
}

unsigned slotBytes(unsigned bits) { return bits == 1 ? 4 : bits == 64 ? 256 : 128; }

} // namespace

std::vector<bool> leaders(const Program& program, std::size_t begin, std::size_t end) {
  std::vector<bool> leader(end - begin + 1);
  leader[0] = true;
  for (std::size_t i = begin; i < end; ++i) {
    const Instr& instr = program.code[i];
    if (!isSomeJump(instr) && !endsFunction(instr))
      continue;
    leader[i + 1 - begin] = true;
    if (exec::isJump(instr.run))
      leader[instr.target - begin] = true;
    else if (exec::isIndexedJump(instr.run))
      for (const std::uint32_t target : program.jump_tables[instr.target])
        leader[target - begin] = true;
  }
  return leader;
}

void allocateRegisters(Program& program, const std::vector<unsigned>& bits, const std::vector<std::size_t>& functions,
                       const std::vector<Slot>& pinned) {
  // Registers of two functions (the way back of a call) live for ever; others within their function.
  std::vector<std::size_t> owner(bits.size(), ~std::size_t{0});
  constexpr std::size_t many = ~std::size_t{0} - 1;
  const auto end_of = [&](std::size_t f) { return f + 1 < functions.size() ? functions[f + 1] : program.code.size(); };
  std::vector<Interval> intervals(bits.size());
  for (std::size_t f = 0; f < functions.size(); ++f) {
    liveRanges(program, functions[f], end_of(f), intervals);
    for (std::size_t i = functions[f]; i < end_of(f); ++i)
      visit(program.code[i], [&](std::size_t number, bool) {
        owner[number] = owner[number] == ~std::size_t{0} || owner[number] == f ? f : many;
      });
  }
  std::vector<Slot> slots(bits.size(), no_slot);
  std::size_t top = 0;
  for (const Slot number : pinned) {
    Slot& slot = slots[static_cast<std::size_t>(number)];
    if (slot == no_slot)
      slot = static_cast<Slot>(top), top += slotBytes(32), ++program.wgmma_registers;
  }
  for (const unsigned width : {1u, 32u, 64u}) { // widths never share, so that no slot half overlaps another
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < bits.size(); ++i) {
      if (slotBytes(bits[i]) != slotBytes(width) || owner[i] == ~std::size_t{0} || slots[i] != no_slot)
        continue;
      if (owner[i] == many)
        slots[i] = static_cast<Slot>(top), top += slotBytes(width);
      else
        order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(owner[a], intervals[a].start) < std::pair(owner[b], intervals[b].start);
    });
    using Ending = std::pair<std::size_t, std::size_t>;
    std::priority_queue<Ending, std::vector<Ending>, std::greater<>> active;
    std::vector<Slot> free;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::size_t number = order[i];
      if (i > 0 && owner[order[i - 1]] != owner[number]) // a caller's registers live on during a call
        active = {}, free.clear();
      while (!active.empty() && active.top().first < intervals[number].start) {
        free.push_back(slots[active.top().second]);
        active.pop();
      }
      if (free.empty()) {
        free.push_back(static_cast<Slot>(top));
        top += slotBytes(width);
      }
      slots[number] = free.back();
      free.pop_back();
      active.push({intervals[number].end, number});
    }
    top = (top + 127) / 128 * 128;
  }
  program.register_bytes = top;
  const auto settle = [&](Slot& slot) {
    if (isRegister(slot))
      slot = slots[static_cast<std::size_t>(slot)];
  };
  for (std::vector<Slot>& fragment : program.fragments)
    for (Slot& slot : fragment)
      settle(slot);
  for (Instr& instr : program.code) {
    settle(instr.guard);
    for (std::size_t i = 0; i < instr.operands; ++i)
      settle(instr.op[i]);
  }
}

} // namespace attune::emulator
