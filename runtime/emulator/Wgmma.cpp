#include "runtime/emulator/Wgmma.h"

#include "runtime/emulator/AsyncProxy.h"
#include "runtime/emulator/Block.h"
#include "runtime/emulator/Program.h"

#include <algorithm>
#include <cstring>

namespace attune::emulator {

namespace {

/// Of one register that some wgmma of the program has as an accumulator or in A.
enum RegisterState : std::uint8_t {
  Accumulates = 1, ///< an accumulator of a product under way
  Feeds = 2,       ///< in A of a product under way
  Written = 4,     ///< by another instruction, since the last wgmma.fence
  Read = 8,
};

constexpr const char* wait_missing = " that a wgmma under way still uses: wgmma.wait_group is missing before";

} // namespace

void Warpgroups::reset() {
  groups_.assign((home_.warpCount() + 3) / 4, {});
  registers_.assign(home_.warpCount(), std::vector<std::uint8_t>(home_.launch.program->wgmma_registers, Written));
}

void Warpgroups::fence(const Warp& warp) {
  for (std::uint8_t& state : registers_[warp.index])
    state &= Accumulates | Feeds;
}

void Warpgroups::touch(const Warp& warp, const TrackedInstr& instr) {
  std::vector<std::uint8_t>& states = registers_[warp.index];
  for (std::size_t i = 0; i < instr.registers.size(); ++i) {
    std::uint8_t& state = states[instr.registers[i]];
    const bool writes = i < instr.writes;
    if ((state & Accumulates) != 0)
      throw Fault{std::string(writes ? "write" : "read") + " of an accumulator" + wait_missing};
    if (writes && (state & Feeds) != 0)
      throw Fault{std::string("write of a register of A") + wait_missing};
    state |= writes ? Written : Read;
  }
}

void Warpgroups::issue(Warp& warp, const Instr& instr) {
  const unsigned which = warp.index / 4, member = warp.index % 4;
  if (which * 4 + 4 > home_.warpCount())
    throw Fault{"wgmma needs a warpgroup of four warps, and the block has " + std::to_string(home_.warpCount())};
  Group& group = groups_[which];
  const std::uint64_t number = group.issued[member]++;
  if (number - group.first == group.products.size())
    group.products.emplace_back();
  take(warp, instr, group, group.products[number - group.first], number);
  home_.wake();
  if (group.products[number - group.first].parts == 15 && home_.launch.options->random_landing &&
      home_.random.below(4) == 0)
    landThrough(group, which, number + 1);
}

/// This warp's part of the product.
void Warpgroups::take(Warp& warp, const Instr& instr, Group& group, Product& product, std::uint64_t number) {
  const std::size_t member = warp.index % 4;
  const WgmmaForm& form = warp.program->wgmma_forms[instr.target];
  const auto* b = warp.read<std::uint64_t>(instr.op[form.aSlots()]);
  const std::uint64_t* a = form.a_in_registers ? nullptr : warp.read<std::uint64_t>(instr.op[0]);
  const std::uint32_t accumulates = warp.predicate(instr.op[form.aSlots() + 1]);
  for (unsigned lane = 1; lane < 32; ++lane)
    if (b[lane] != b[0] || (a != nullptr && a[lane] != a[0]))
      throw Fault{"lanes with different matrix descriptors", static_cast<int>(lane)};
  if (accumulates != 0 && accumulates != ~0u)
    throw Fault{"lanes with different scale-d"};
  const auto fragment = static_cast<std::uint32_t>(instr.immediate);
  if (product.parts == 0) {
    product.instr = &instr, product.form = &form;
    product.a = a != nullptr ? a[0] : 0, product.b = b[0];
    product.accumulates = accumulates != 0;
    for (const auto& sums : group.under_way)
      if (sums->fragment == fragment && (sums->owned >> member & 1) != 0)
        product.sums = sums;
    if (!product.sums)
      product.sums = group.under_way.emplace_back(std::make_shared<Accumulators>(fragment, form.n));
  } else if (product.instr != &instr) {
    throw Fault{"the warps of a warpgroup are at different wgmma: another one is at PTX line " +
                std::to_string(product.instr->line)};
  } else if (product.b != b[0] || (a != nullptr && product.a != a[0]) || product.accumulates != (accumulates != 0)) {
    throw Fault{"the warps of a warpgroup have different matrix descriptors or scale-d"};
  }
  if ((product.sums->owned >> member & 1) == 0)
    own(warp, *product.sums, product);
  product.sums->last_op[member] = number;
  std::vector<std::uint8_t>& states = registers_[warp.index];
  for (unsigned i = 0; i < 4 && form.a_in_registers; ++i) {
    std::uint8_t& state = states[warp.program->wgmmaRegister(instr.op[i])];
    if ((state & Accumulates) != 0)
      throw Fault{std::string("read of an accumulator") + wait_missing};
    if ((state & Written) != 0)
      throw Fault{"register " + std::to_string(i) +
                  " of A was written since the last wgmma.fence: one must lie in between"};
    state |= Feeds;
  }
  product.issued[member] = home_.clocks->moment(warp.thread(), warp.together());
  home_.clocks->tick(warp.thread());
  product.parts |= static_cast<std::uint8_t>(1u << member);
}

/// The warp's accumulators leave its registers.
void Warpgroups::own(Warp& warp, Accumulators& sums, const Product& product) {
  const std::size_t member = warp.index % 4;
  const std::vector<Slot>& fragment = warp.program->fragments[sums.fragment];
  std::vector<std::uint8_t>& states = registers_[warp.index];
  for (std::size_t i = 0; i < fragment.size(); ++i) {
    std::uint8_t& state = states[warp.program->wgmmaRegister(fragment[i])];
    if ((state & (Accumulates | Feeds)) != 0)
      throw Fault{"accumulator " + std::to_string(i) + " is a register" + wait_missing};
    if ((state & (Written | Read)) != 0)
      throw Fault{"accumulator " + std::to_string(i) + " was " + ((state & Written) != 0 ? "written" : "read") +
                  " since the last wgmma.fence: one must lie in between"};
    state |= Accumulates;
  }
  sums.owned |= static_cast<std::uint8_t>(1u << member);
  if (product.accumulates)
    loadFragment(warp, fragment, sums.n, product.form->half_sums, sums.values.data() + 16 * member * sums.n);
}

void Warpgroups::commit(const Warp& warp) {
  Group& group = groups_[warp.index / 4];
  group.committed[warp.index % 4].push_back(group.issued[warp.index % 4]);
}

bool Warpgroups::wait(Warp& warp, std::uint32_t keep) {
  const unsigned which = warp.index / 4, member = warp.index % 4;
  Group& group = groups_[which];
  std::deque<std::uint64_t>& committed = group.committed[member];
  if (committed.size() <= keep)
    return true;
  const std::uint64_t end = committed[committed.size() - 1 - keep];
  for (std::uint64_t number = group.retired[member]; number < end; ++number)
    if (group.products[number - group.first].parts != 15)
      return false;
  committed.erase(committed.begin(), committed.end() - keep);
  landThrough(group, which, end);
  if (end > group.first) // of those waited for, not of younger ones that have landed, too
    home_.clocks->learn(warp.thread(), {home_.clockOfGroup(which), group.products[end - 1 - group.first].landed});
  writeBack(warp, group, end);
  return true;
}

void Warpgroups::writeBack(Warp& warp, Group& group, std::uint64_t end) {
  const std::size_t member = warp.index % 4;
  const auto bit = static_cast<std::uint8_t>(1u << member);
  std::vector<std::uint8_t>& states = registers_[warp.index];
  for (const auto& sums : group.under_way) {
    if ((sums->owned & bit) == 0 || sums->last_op[member] >= end)
      continue;
    const std::vector<Slot>& fragment = warp.program->fragments[sums->fragment];
    const bool half_sums = fragment.size() * 4 == sums->n;
    storeFragment(warp, fragment, sums->n, half_sums, sums->values.data() + 16 * member * sums->n);
    for (const Slot slot : fragment)
      states[warp.program->wgmmaRegister(slot)] = 0;
    sums->owned &= static_cast<std::uint8_t>(~bit);
  }
  for (std::uint64_t& number = group.retired[member]; number < end; ++number) {
    const Product& product = group.products[number - group.first];
    for (unsigned i = 0; i < 4 && product.form->a_in_registers; ++i)
      states[warp.program->wgmmaRegister(product.instr->op[i])] &= static_cast<std::uint8_t>(~Feeds);
  }
  for (std::uint64_t number = end; number < group.issued[member]; ++number) { // they may feed a younger product too
    const Product& product = group.products[number - group.first];
    for (unsigned i = 0; i < 4 && product.form->a_in_registers; ++i)
      states[warp.program->wgmmaRegister(product.instr->op[i])] |= Feeds;
  }
  const std::uint64_t oldest = *std::min_element(group.retired.begin(), group.retired.end());
  for (; group.first < oldest; ++group.first)
    group.products.pop_front();
  std::erase_if(group.under_way, [&](const auto& sums) { return sums->owned == 0 && sums.use_count() == 1; });
}

void Warpgroups::landThrough(Group& group, unsigned which, std::uint64_t end) {
  for (std::uint64_t number = group.first; number < end; ++number) {
    Product& product = group.products[number - group.first];
    if (!product.done)
      land(which, product);
  }
}

void Warpgroups::land(unsigned which, Product& product) {
  product.done = true;
  const std::uint32_t clock = home_.clockOfGroup(which);
  product.landed = home_.clocks->tick(clock);
  const Stamp reader{clock, product.landed};
  try {
    operands_.run(reader, *product.form, product.instr->op.data(), product.a, product.b, which, product.issued);
    operands_.multiply(*product.form, product.sums->values.data(), product.accumulates);
  } catch (Fault& fault) {
    fault.line = product.instr->line;
    throw;
  }
}

void Warpgroups::finish() const {
  for (const Group& group : groups_)
    for (const Product& product : group.products)
      if (!product.done) {
        Fault fault{"the block ends while this wgmma is under way: nobody waited for it"};
        fault.line = product.instr->line;
        home_.reportFault(home_.warps()[static_cast<std::size_t>(&group - groups_.data()) * 4], fault);
      }
}

} // namespace attune::emulator
