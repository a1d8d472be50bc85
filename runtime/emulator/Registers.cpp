#include "runtime/emulator/Program.h"

#include <algorithm>
#include <set>
#include <span>

namespace attune::emulator {

namespace {

void collect(const Operand& o, std::vector<std::string>& names) {
  if (o.kind == Operand::Kind::Register || o.kind == Operand::Kind::Address)
    names.push_back(o.name);
  for (const Operand& part : o.parts)
    collect(part, names);
}

bool writes(const Instruction& i) {
  static const std::set<std::string> no_destination = {"st", "bra", "bar", "barrier", "ret", "exit", "red", "cp", "membar", "fence", "trap",
                                                       "brkpt", "prefetch", "prefetchu", "nanosleep", "griddepcontrol", "pmevent", "discard"};
  return !no_destination.contains(i.opcode);
}

/// Registers as bits.
using Set = std::vector<std::uint64_t>;
bool has(const Set& s, std::size_t n) { return s[n / 64] >> (n % 64) & 1; }
void add(Set& s, std::size_t n) { s[n / 64] |= std::uint64_t{1} << (n % 64); }
void drop(Set& s, std::size_t n) { s[n / 64] &= ~(std::uint64_t{1} << (n % 64)); }

struct Block {
  int begin, end;
  std::vector<int> next;
  Set live_in;
};

/// What instruction i reads and writes, as register numbers.
struct Effects {
  std::vector<int> reads, writes;
};

} // namespace

Allocation allocateRegisters(const Entry& entry) {
  std::map<std::string, int> number;
  std::vector<const std::pair<const std::string, Type>*> registers;
  for (const auto& r : entry.registers) {
    number[r.first] = static_cast<int>(registers.size());
    registers.push_back(&r);
  }
  const int count = static_cast<int>(entry.body.size());
  std::vector<Effects> effects(entry.body.size());
  const auto numbers = [&](const Operand& o, std::vector<int>& to) {
    std::vector<std::string> names;
    collect(o, names);
    for (const std::string& n : names)
      if (const auto found = number.find(n); found != number.end())
        to.push_back(found->second);
  };
  for (int at = 0; at < count; ++at) {
    const Instruction& i = entry.body[at];
    for (std::size_t n = 0; n < i.operands.size(); ++n) {
      const bool second = n == 1 && (i.opcode == "setp" || i.opcode == "shfl" || i.opcode == "match") && i.operands.size() > 3 &&
                          entry.registers.contains(i.operands[1].name) && entry.registers.at(i.operands[1].name) == Type::Pred;
      const bool destination = writes(i) && (n == 0 || second);
      numbers(i.operands[n], destination ? effects[at].writes : effects[at].reads);
    }
    if (!i.guard.empty()) {
      effects[at].reads.push_back(number.contains(i.guard) ? number.at(i.guard) : 0);
      effects[at].reads.insert(effects[at].reads.end(), effects[at].writes.begin(), effects[at].writes.end()); // lanes that are off keep theirs
    }
  }

  // basic blocks
  std::set<int> leaders{0};
  for (const auto& label : entry.labels)
    leaders.insert(label.second);
  for (int at = 0; at < count; ++at)
    if (entry.body[at].opcode == "bra" || entry.body[at].opcode == "ret" || entry.body[at].opcode == "exit")
      leaders.insert(at + 1);
  leaders.erase(count);
  std::map<int, int> block_at;
  std::vector<Block> blocks;
  for (auto it = leaders.begin(); it != leaders.end(); ++it) {
    block_at[*it] = static_cast<int>(blocks.size());
    blocks.push_back({*it, std::next(it) == leaders.end() ? count : *std::next(it), {}, Set((registers.size() + 63) / 64)});
  }
  for (Block& b : blocks) {
    if (b.begin == b.end)
      continue;
    const Instruction& last = entry.body[b.end - 1];
    const bool falls = !last.guard.empty() || (last.opcode != "bra" && last.opcode != "ret" && last.opcode != "exit");
    if (falls && block_at.contains(b.end))
      b.next.push_back(block_at.at(b.end));
    if (last.opcode == "bra" && !last.operands.empty())
      if (const auto label = entry.labels.find(last.operands[0].name); label != entry.labels.end() && block_at.contains(label->second))
        b.next.push_back(block_at.at(label->second));
  }

  // liveness, then one interval per register that covers every place where it is live
  const auto transfer = [&](const Block& b, Set live, auto&& visit) {
    for (int at = b.end - 1; at >= b.begin; --at) {
      for (const int w : effects[at].writes)
        drop(live, w);
      for (const int r : effects[at].reads)
        add(live, r);
      visit(at, live);
    }
    return live;
  };
  const auto liveOut = [&](const Block& b) {
    Set live((registers.size() + 63) / 64);
    for (const int n : b.next)
      for (std::size_t w = 0; w < live.size(); ++w)
        live[w] |= blocks[n].live_in[w];
    return live;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t n = blocks.size(); n-- > 0;) {
      Set live = transfer(blocks[n], liveOut(blocks[n]), [](int, const Set&) {});
      if (live != blocks[n].live_in) {
        blocks[n].live_in = std::move(live);
        changed = true;
      }
    }
  }
  std::vector<std::pair<int, int>> interval(registers.size(), {count, -1});
  const auto cover = [&](int r, int at) {
    interval[r].first = std::min(interval[r].first, at);
    interval[r].second = std::max(interval[r].second, at);
  };
  for (const Block& b : blocks) {
    const Set out = liveOut(b);
    for (std::size_t r = 0; r < registers.size(); ++r) {
      if (has(out, r))
        cover(static_cast<int>(r), b.end);
      if (has(b.live_in, r))
        cover(static_cast<int>(r), b.begin);
    }
    for (int at = b.begin; at < b.end; ++at) {
      for (const int r : effects[at].reads)
        cover(r, at);
      for (const int r : effects[at].writes)
        cover(r, at);
    }
  }

  Allocation result;
  std::vector<int> order;
  for (std::size_t r = 0; r < registers.size(); ++r)
    if (interval[r].second >= 0)
      order.push_back(static_cast<int>(r));
  std::ranges::sort(order, {}, [&](int r) { return interval[r].first; });
  std::vector<std::uint32_t> free[2]; // narrow, wide
  std::multimap<int, int> active;     // end -> register
  for (const int r : order) {
    const auto& [name, type] = *registers[r];
    if (type == Type::Pred) {
      result.place[name] = result.predicates++;
      continue;
    }
    // a destination may take the place of a source that ends in the same instruction only if handlers never read after writing:
    // multi-destination ones do, so a place is free one instruction later
    while (!active.empty() && active.begin()->first < interval[r].first) {
      const int ended = active.begin()->second;
      free[bytesOf(registers[ended]->second) == 8].push_back(result.place.at(registers[ended]->first));
      active.erase(active.begin());
    }
    const bool wide = bytesOf(type) == 8;
    if (free[wide].empty()) {
      result.place[name] = result.bytes;
      result.bytes += wide ? 256 : 128;
    } else {
      result.place[name] = free[wide].back();
      free[wide].pop_back();
    }
    active.emplace(interval[r].second, r);
  }
  return result;
}

} // namespace attune::emulator
