#include "runtime/emulator/Decode.h"

#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/exec/Move.h"
#include "runtime/emulator/ptx/Lexer.h"

#include <algorithm>
#include <bit>

namespace attune::emulator {

namespace {
unsigned storageBits(unsigned bits) { return bits == 1 ? 1 : bits == 64 ? 64 : 32; }
} // namespace

Decode::Decode(Decoder& owner, const ptx::Statement& which)
    : statement(which), decoder(owner), taken_(which.suffix.size()) {
  instr.line = statement.line;
  if (!statement.guard.empty()) {
    const auto meaning = decoder.lookup(statement.guard, statement.scope);
    if (meaning.kind != Decoder::Meaning::Kind::Register || meaning.bits != 1)
      ptx::fail(statement.line, "'" + statement.guard + "' is no predicate");
    instr.guard = meaning.register_number;
    instr.guard_negated = statement.guard_negated;
  }
}

bool Decode::peek(std::string_view suffix) const {
  for (std::size_t i = 0; i < taken_.size(); ++i)
    if (!taken_[i] && statement.suffix[i] == suffix)
      return true;
  return false;
}

bool Decode::take(std::string_view suffix) {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!taken_[i] && statement.suffix[i] == suffix)
      return taken_[i] = true;
  }
  return false;
}

Type Decode::takeType() {
  Type type;
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!taken_[i] && ptx::parseType(statement.suffix[i], type)) {
      taken_[i] = true;
      return type;
    }
  }
  unsupported("no type");
}

bool Decode::takeOwnShared() { return instr.own_shared = take("shared") || take("shared::cta"); }

Space Decode::takeSpace() {
  if (take("global"))
    return Space::Global;
  if (takeOwnShared() || take("shared::cluster"))
    return Space::Shared;
  if (take("local"))
    return Space::Local;
  if (take("const"))
    return Space::Const;
  if (take("param"))
    return Space::Param;
  return Space::Generic;
}

bool Decode::takeCacheHints() {
  bool policy = false;
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    const std::string& suffix = statement.suffix[i];
    static constexpr std::string_view operators[] = {
        "ca",   "cg",      "cs",      "lu",      "cv", "wb",  "wt",  "nc",  "volatile", "relaxed",
        "weak", "acquire", "release", "acq_rel", "sc", "cta", "gpu", "sys", "cluster",  "mmio"};
    const bool is_operator = std::find(std::begin(operators), std::end(operators), suffix) != std::end(operators);
    if (!taken_[i] && (is_operator || suffix.starts_with("L1::") || suffix.starts_with("L2::")))
      taken_[i] = true;
    policy |= suffix == "L2::cache_hint";
    static constexpr std::string_view strong[] = {"volatile", "relaxed", "acquire", "release", "mmio"};
    instr.strong |= std::find(std::begin(strong), std::end(strong), suffix) != std::end(strong);
  }
  return policy;
}

const Operand& Decode::operand(std::size_t index) const {
  if (index >= count())
    unsupported(std::to_string(count()) + " operands");
  return statement.operands[index];
}

void Decode::expectOperands(std::size_t least, std::size_t most) const {
  if (count() < least || count() > most)
    unsupported(std::to_string(count()) + " operands");
}

void Decode::push(Slot slot) {
  if (instr.operands == instr.op.size())
    unsupported("so many operands");
  instr.op[instr.operands++] = slot;
}

Slot Decode::temporary(unsigned bits) { return decoder.newRegister(bits); }

void Decode::usesAsyncProxy() { decoder.program().uses_async_proxy = true; }

void Decode::carryFlag(bool write) {
  push(decoder.carryRegister());
  instr.writes = static_cast<std::uint8_t>(instr.writes + (write ? 1 : 0));
}

std::size_t Decode::widthOf(const Operand& operand) const {
  if (operand.kind != Operand::Kind::Name)
    return 0;
  const auto meaning = decoder.lookup(operand.name, statement.scope);
  return meaning.kind == Decoder::Meaning::Kind::Register ? meaning.bits : 0;
}

bool Decode::isSpecial(const std::string& name) const {
  return decoder.lookup(name, statement.scope).kind == Decoder::Meaning::Kind::Special;
}

Space Decode::spaceOfName(const Operand& address) const {
  if (address.kind != Operand::Kind::Address || address.elements.empty() ||
      address.elements[0].kind != Operand::Kind::Name)
    return Space::Generic;
  return decoder.lookup(address.elements[0].name, statement.scope).space;
}

void Decode::destination(const Operand& operand, Type type) {
  if (type.bits > 64)
    unsupported("128-bit registers");
  if (operand.kind == Operand::Kind::Name && operand.name == "_") {
    push(temporary(type.bits));
  } else {
    const auto meaning =
        operand.kind == Operand::Kind::Name ? decoder.lookup(operand.name, statement.scope) : Decoder::Meaning{};
    if (meaning.kind != Decoder::Meaning::Kind::Register)
      unsupported("a destination that is no register");
    if (storageBits(meaning.bits) != storageBits(type.bits))
      unsupported("register '" + operand.name + "' of " + std::to_string(meaning.bits) + " bits");
    push(meaning.register_number);
  }
  instr.wide |= static_cast<std::uint8_t>(type.bits == 64 ? 1 << instr.writes : 0);
  ++instr.writes;
}

void Decode::anyDestination(const Operand& operand, Type type) {
  const std::size_t width = widthOf(operand);
  if (width > type.bits)
    type.bits = static_cast<unsigned>(width);
  destination(operand, type);
}

void Decode::anySource(const Operand& operand, Type type) {
  const std::size_t width = widthOf(operand);
  if (width > type.bits)
    type.bits = static_cast<unsigned>(width);
  source(operand, type);
}

void Decode::source(const Operand& operand, Type type) {
  using Kind = Operand::Kind;
  if (type.bits > 64)
    unsupported("128-bit registers");
  if (operand.kind == Kind::Integer) {
    push(decoder.constant(static_cast<std::uint64_t>(operand.value), type.bits));
    return;
  }
  if (operand.kind == Kind::Float) {
    const double value = std::bit_cast<double>(operand.value);
    if (type.bits == 64)
      push(decoder.constant(std::bit_cast<std::uint64_t>(value), 64));
    else if (type.bits == 32)
      push(decoder.constant(std::bit_cast<std::uint32_t>(static_cast<float>(value)), 32));
    else
      unsupported("a floating-point literal here");
    return;
  }
  if (operand.kind != Kind::Name)
    unsupported("this operand");
  const auto meaning = decoder.lookup(operand.name, statement.scope);
  using Meaning = Decoder::Meaning::Kind;
  if (meaning.kind == Meaning::None)
    unsupported("unknown name '" + operand.name + "'");
  if (meaning.kind == Meaning::Address) {
    push(decoder.constant(meaning.address + static_cast<std::uint64_t>(operand.value), storageBits(type.bits),
                          meaning.space == Space::Shared));
    return;
  }
  Slot slot = meaning.register_number;
  if (meaning.kind == Meaning::Special) {
    Instr move = instr; // special registers are read by an instruction of their own
    slot = temporary(storageBits(type.bits));
    move.op[0] = slot;
    move.writes = move.operands = 1;
    move.category = Class::Alu;
    move.wide = type.bits == 64;
    if (!exec::specialRegister(operand.name, move))
      unsupported("special register '" + operand.name + "'");
    decoder.append(move);
  } else if (storageBits(meaning.bits) != storageBits(type.bits)) {
    unsupported("register '" + operand.name + "' of " + std::to_string(meaning.bits) + " bits");
  }
  if (operand.negated) {
    Instr invert = instr;
    invert.op[1] = slot;
    slot = invert.op[0] = temporary(1);
    invert.writes = 1, invert.operands = 2;
    invert.category = Class::Alu;
    invert.run = &exec::invertPredicate;
    decoder.append(invert);
  }
  push(slot);
}

void Decode::sources(std::size_t first, std::size_t number, Type type) {
  for (std::size_t i = first; i < first + number; ++i)
    source(operand(i), type);
}

void Decode::address(const Operand& operand) {
  if (operand.kind != Operand::Kind::Address || operand.elements.empty())
    unsupported("an operand that is no address");
  const Operand& base = operand.elements[0];
  instr.immediate = operand.value;
  const std::size_t width = widthOf(base);
  instr.wide_address = width != 32;
  source(base, {'b', instr.wide_address ? 64u : 32u});
}

std::uint32_t Decode::constantOf(const Operand& operand) const {
  if (operand.kind != Operand::Kind::Integer)
    unsupported("an operand that must be a constant");
  return static_cast<std::uint32_t>(operand.value);
}

void Decode::emit() {
  decoder.append(instr);
  Instr next;
  next.guard = instr.guard;
  next.guard_negated = instr.guard_negated;
  next.line = instr.line;
  instr = next;
}

void Decode::unsupported(const std::string& what) const {
  std::string text = statement.opcode;
  for (const std::string& suffix : statement.suffix)
    text += "." + suffix;
  ptx::fail(statement.line, "instruction '" + text + "' is not supported with " + what);
}

void Decode::finish() {
  for (std::size_t i = 0; i < taken_.size(); ++i)
    if (!taken_[i])
      unsupported("'." + statement.suffix[i] + "'");
  if (instr.run != nullptr)
    emit();
}

} // namespace attune::emulator
