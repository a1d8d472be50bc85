#include "runtime/emulator/Program.h"

#include "attune/compiler/Error.h"

#include <algorithm>
#include <array>
#include <bit>

namespace attune::emulator {

namespace {

std::string spelled(const Operand& o) {
  switch (o.kind) {
  case Operand::Kind::Address: return "[" + o.name + (o.bits ? "+" + std::to_string(o.bits) : "") + "]";
  case Operand::Kind::Integer: return std::to_string(static_cast<std::int64_t>(o.bits));
  case Operand::Kind::Float: return std::to_string(std::bit_cast<double>(o.bits));
  case Operand::Kind::Vector: {
    std::string all = "{";
    for (const Operand& part : o.parts)
      all += (all.size() > 1 ? ", " : "") + spelled(part);
    return all + "}";
  }
  default: return o.name;
  }
}

std::string spelled(const Instruction& i) {
  std::string all = i.guard.empty() ? "" : "@" + std::string(i.guard_negated ? "!" : "") + i.guard + " ";
  all += i.opcode;
  for (const std::string& m : i.modifiers)
    all += "." + m;
  for (std::size_t n = 0; n < i.operands.size(); ++n)
    all += (n ? ", " : " ") + spelled(i.operands[n]);
  return all;
}

/// IEEE bits of a double literal in the type that the instruction reads.
std::uint64_t literal(std::uint64_t bits, Type type) {
  return bytesOf(type) == 8 ? bits : std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(bits)));
}

} // namespace

Decoder::Decoder(const Entry& entry, const Module& module, Program& program)
    : entry_(entry), module_(module), program_(program), allocation_(allocateRegisters(entry)) {
  program_.register_bytes = allocation_.bytes;
  program_.predicates = allocation_.predicates;
}

void Decoder::fail(const std::string& what) const { throw DeviceError("kernel " + entry_.name + ": " + what); }

std::uint32_t Decoder::constant(std::uint64_t bits, bool wide) {
  const auto [at, is_new] = constants_.try_emplace({bits, wide}, program_.register_bytes);
  if (is_new) {
    program_.constants.push_back({at->second, wide, bits});
    program_.register_bytes += wide ? 256 : 128;
  }
  return at->second;
}

const Variable* Decoder::find(const std::string& name) const {
  for (const auto* space : {&entry_.parameters, &entry_.shared, &entry_.local, &module_.shared})
    for (const Variable& v : *space)
      if (v.name == name)
        return &v;
  return nullptr;
}

std::uint32_t Decoder::value(const Operand& operand, Type type) {
  const bool wide = bytesOf(type) == 8;
  switch (operand.kind) {
  case Operand::Kind::Integer: return constant(wide ? operand.bits : operand.bits & 0xffffffffu, wide);
  case Operand::Kind::Float: return constant(literal(operand.bits, type), wide);
  case Operand::Kind::Register: {
    if (const auto found = allocation_.place.find(operand.name); found != allocation_.place.end())
      return found->second;
    if (operand.name == "WARP_SZ")
      return constant(32, wide);
    if (entry_.registers.contains(operand.name)) // written nowhere that matters
      return constant(0xffffffffffffffffu >> (wide ? 0 : 32), wide);
    const auto [at, is_new] = specials_.try_emplace(operand.name + (wide ? "w" : ""), program_.register_bytes);
    if (is_new) {
      program_.specials.push_back({at->second, wide, operand.name});
      program_.register_bytes += wide ? 256 : 128;
    }
    return at->second;
  }
  case Operand::Kind::Symbol: {
    if (operand.name == "WARP_SZ")
      return constant(32, wide);
    if (const Variable* v = find(operand.name)) {
      const bool entry_shared = std::ranges::any_of(entry_.shared, [&](const Variable& s) { return &s == v; });
      std::size_t base = 0;
      if (entry_shared && !module_.shared.empty())
        base = (module_.shared.back().offset + module_.shared.back().bytes + 1023) / 1024 * 1024;
      return constant(base + v->offset, wide);
    }
    for (const Variable& v : module_.global)
      if (v.name == operand.name) {
        const auto [at, is_new] = pointers_.try_emplace(operand.name, program_.register_bytes);
        if (is_new) {
          program_.pointers.push_back({at->second, operand.name});
          program_.register_bytes += 256;
        }
        return at->second;
      }
    fail("unknown symbol " + operand.name);
  }
  default: fail("an operand of this kind is not expected here");
  }
}

std::uint32_t Decoder::predicate(const Operand& operand) {
  const auto found = allocation_.place.find(operand.name);
  if (operand.kind != Operand::Kind::Register || found == allocation_.place.end())
    fail("expected a predicate register, got '" + operand.name + "'");
  return found->second;
}

bool Decoder::isPredicate(const Operand& operand) const {
  const auto found = entry_.registers.find(operand.name);
  return operand.kind == Operand::Kind::Register && found != entry_.registers.end() && found->second == Type::Pred;
}

void Decoder::values(const Instruction& i, Op& op, Type type, std::size_t first) {
  for (std::size_t n = first; n < i.operands.size(); ++n) {
    if (i.operands[n].kind == Operand::Kind::Vector)
      for (const Operand& part : i.operands[n].parts)
        op.r.push_back(value(part, type));
    else
      op.r.push_back(value(i.operands[n], type));
  }
}

Program decode(const Entry& entry, const Module& module) {
  Program program;
  program.name = entry.name;
  program.parameters = entry.parameters;
  program.max_threads = entry.max_threads;
  for (const Variable& v : entry.parameters)
    program.parameter_bytes = std::max(program.parameter_bytes, v.offset + v.bytes);
  for (const Variable& v : entry.local)
    program.local_bytes = std::max(program.local_bytes, v.offset + v.bytes);
  for (const Variable& v : module.shared)
    program.static_shared = std::max(program.static_shared, v.offset + v.bytes);
  if (!entry.shared.empty()) {
    if (program.static_shared > 0)
      program.static_shared = (program.static_shared + 1023) / 1024 * 1024;
    program.static_shared += entry.shared.back().offset + entry.shared.back().bytes;
  }
  Decoder decoder(entry, module, program);
  constexpr std::array<Selector, 6> selectors = {selectArithmetic, selectFloat, selectConvert, selectMemory, selectMatrix, selectWarpwide};
  for (const Instruction& i : entry.body) {
    Op op;
    op.line = i.line;
    program.text.push_back(spelled(i));
    const auto where = [&] { return "line " + std::to_string(i.line) + ": '" + program.text.back() + "'"; };
    if (!i.guard.empty()) {
      Operand guard;
      guard.kind = Operand::Kind::Register;
      guard.name = i.guard;
      op.guard = decoder.predicate(guard);
      op.guard_negated = i.guard_negated;
    }
    try {
      if (!std::ranges::any_of(selectors, [&](Selector select) { return select(i, decoder, op); }))
        decoder.fail("instruction not supported by the emulated device");
    } catch (const DeviceError& error) {
      throw DeviceError(std::string(error.what()) + ", at PTX " + where());
    }
    program.ops.push_back(std::move(op));
  }
  Op end;
  end.flow = Flow::Exit;
  end.kind = Class::Other;
  program.ops.push_back(end);
  program.text.emplace_back("end of kernel");
  return program;
}

} // namespace attune::emulator
