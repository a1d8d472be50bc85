#include "runtime/emulator/Decoder.h"

#include "attune/compiler/Error.h"
#include "runtime/emulator/Memory.h"
#include "runtime/emulator/exec/Control.h"
#include "runtime/emulator/exec/SystemCalls.h"
#include "runtime/emulator/ptx/Lexer.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace attune::emulator {

const Rules& rules() {
  static const Rules all = [] {
    Rules made;
    addMoveRules(made), addIntegerRules(made), addBitRules(made), addArithmeticRules(made);
    addCompareRules(made), addConvertRules(made), addLoadStoreRules(made), addAtomicRules(made), addAsyncRules(made);
    addMatrixRules(made), addMatrixMoveRules(made), addWmmaRules(made), addWarpRules(made), addControlRules(made);
    addClusterRules(made), addMbarrierRules(made), addRoleRules(made), addWgmmaRules(made);
    return made;
  }();
  return all;
}

Program decode(const ptx::Module& module, const std::string& kernel, const GlobalAddresses& globals) {
  return Decoder(module, globals).run(kernel);
}

Program Decoder::run(const std::string& kernel) {
  const auto found = module_.functions.find(kernel);
  if (found == module_.functions.end() || !found->second.entry || found->second.scopes.empty()) {
    std::string known;
    for (const auto& [name, function] : module_.functions)
      if (function.entry)
        known += (known.empty() ? "" : ", ") + name;
    throw DeviceError("kernel '" + kernel + "' is not in this module; it has: " + known);
  }
  program_.kernel = kernel;
  program_.lines = module_.lines;
  program_.max_threads = found->second.max_threads;
  program_.max_registers = found->second.max_registers;
  program_.min_blocks = found->second.min_blocks;
  program_.cluster = found->second.cluster;
  for (const ptx::Variable& parameter : found->second.parameters) {
    const std::uint64_t offset = reserve(program_.parameter_bytes, parameter);
    parameters_[parameter.name] = offset;
    program_.parameters.push_back({parameter.name, offset, parameter.bytes});
  }
  layoutVariables();
  decodeFunction(found->second);
  while (!pending_.empty()) {
    const std::string name = std::move(pending_.back());
    pending_.pop_back();
    Frame& frame = frames_[name];
    if (frame.decoded)
      continue;
    frame.decoded = true;
    frame.start = static_cast<std::uint32_t>(position());
    decodeFunction(module_.functions.at(name));
  }
  for (const auto& [at, callee] : calls_)
    program_.code[at].target = frames_.at(callee).start;
  offerFusion(program_, registers_.size(), functions_, pinned_);
  allocateRegisters(program_, registers_, functions_, pinned_);
  trackWgmmaRegisters(program_);
  return std::move(program_);
}

std::uint64_t Decoder::reserve(std::size_t& top, const ptx::Variable& variable) const {
  top = (top + variable.alignment - 1) / variable.alignment * variable.alignment;
  const std::size_t offset = top;
  top += variable.bytes;
  if (top > std::size_t{1} << 30)
    throw DeviceError("variable '" + variable.name + "': more than 1 GiB in its space");
  return offset;
}

/// Static shared variables one after the other; the dynamic ones all begin behind them.
void Decoder::layoutVariables() {
  std::size_t alignment = 16;
  const auto place = [&](const ptx::Variable& variable) {
    if (variable.space != Space::Shared || shared_.contains(variable.name))
      return;
    const bool dynamic = variable.external && variable.bytes == 0;
    if (dynamic) {
      alignment = std::max(alignment, variable.alignment);
      return;
    }
    const std::uint64_t offset = reserve(program_.static_shared, variable);
    shared_[variable.name] = offset;
    program_.shared_variables.push_back({variable.name, offset, variable.bytes});
  };
  for (const ptx::Variable& variable : module_.variables)
    place(variable);
  for (const auto& [name, function] : module_.functions)
    for (const ptx::Variable& variable : function.variables)
      place(variable);
  bool any_dynamic = false;
  for (const ptx::Variable& variable : module_.variables)
    any_dynamic |= variable.space == Space::Shared && variable.external && variable.bytes == 0;
  if (!any_dynamic)
    return;
  program_.static_shared = (program_.static_shared + alignment - 1) / alignment * alignment;
  for (const ptx::Variable& variable : module_.variables)
    if (variable.space == Space::Shared && variable.external && variable.bytes == 0)
      shared_[variable.name] = program_.static_shared;
}

void Decoder::decodeFunction(const ptx::Function& function) {
  function_ = &function;
  functions_.push_back(position());
  numbers_.assign(function.scopes.size(), {});
  carry_ = no_slot;
  variables_.clear();
  jumps_.clear();
  starts_.clear();
  if (!function.entry)
    for (const auto& [name, offset] : frames_[function.name].names)
      variables_[name] = offset;
  for (const ptx::Statement& statement : function.body) {
    starts_.push_back(static_cast<std::uint32_t>(position()));
    const auto rule = rules().find(statement.opcode);
    if (rule == rules().end())
      ptx::fail(statement.line, "instruction '" + statement.opcode + "' is not supported");
    Decode decode(*this, statement);
    rule->second(decode);
    decode.finish();
  }
  starts_.push_back(static_cast<std::uint32_t>(position()));
  Instr last; // falling off the end is a return
  last.line = function.body.empty() ? 1 : function.body.back().line;
  last.run = function.entry ? &exec::exit : &exec::fellOff;
  last.category = Class::Branch;
  append(last);
  for (const Jump& jump : jumps_) {
    const std::uint32_t target = labelTarget(jump);
    if (jump.table == ~0u)
      program_.code[jump.at].target = target;
    else
      program_.jump_tables[jump.table][jump.entry] = target;
  }
}

void Decoder::jumpTo(const std::string& label, unsigned scope, unsigned line) {
  jumps_.push_back({position(), label, scope, line});
}

std::uint32_t Decoder::labelTarget(const Jump& jump) const {
  for (unsigned scope = jump.scope;; scope = function_->scopes[scope].parent) {
    const auto found = function_->scopes[scope].labels.find(jump.label);
    if (found != function_->scopes[scope].labels.end())
      return starts_[found->second];
    if (scope == 0)
      ptx::fail(jump.line, "no label '" + jump.label + "'");
  }
}

std::uint32_t Decoder::jumpTable(const std::string& name, unsigned scope, unsigned line) {
  for (unsigned at = scope;; at = function_->scopes[at].parent) {
    const auto found = function_->scopes[at].branch_targets.find(name);
    if (found != function_->scopes[at].branch_targets.end()) {
      const auto table = static_cast<std::uint32_t>(program_.jump_tables.size());
      program_.jump_tables.emplace_back(found->second.size());
      for (std::size_t i = 0; i < found->second.size(); ++i)
        jumps_.push_back({0, found->second[i], scope, line, table, i});
      return table;
    }
    if (at == 0)
      ptx::fail(line, "no .branchtargets '" + name + "'");
  }
}

std::vector<std::byte> Program::constantsOf(unsigned rank) const {
  std::vector<std::byte> made = constants;
  for (const SharedAddress& address : shared_addresses)
    for (std::size_t at = address.offset; at < address.offset + std::size_t{32} * address.lane_bytes;
         at += address.lane_bytes) {
      std::uint64_t value = 0;
      std::memcpy(&value, &made[at], address.lane_bytes);
      value += std::uint64_t{rank} << rank_shift;
      std::memcpy(&made[at], &value, address.lane_bytes);
    }
  return made;
}

Slot Decoder::newRegister(unsigned bits) {
  registers_.push_back(bits);
  return static_cast<Slot>(registers_.size() - 1);
}

Slot Decoder::carryRegister() {
  if (carry_ == no_slot)
    carry_ = newRegister(1);
  return carry_;
}

Slot Decoder::pinnedRegister(const Decode& decode, const ptx::Operand& operand) {
  const Meaning meaning =
      operand.kind == Operand::Kind::Name ? lookup(operand.name, decode.statement.scope) : Meaning{};
  if (meaning.kind != Meaning::Kind::Register || meaning.bits != 32)
    decode.unsupported("a fragment of other than 32-bit registers");
  pinned_.push_back(meaning.register_number);
  return meaning.register_number;
}

Slot Decoder::constant(std::uint64_t value, unsigned bits, bool in_shared) {
  const unsigned lane_bytes = bits == 64 ? 8 : 4;
  if (bits < 32 && bits > 1)
    value &= (std::uint64_t{1} << bits) - 1;
  if (bits == 1)
    value = value != 0 ? 0xffffffffu : 0;
  const auto [found, is_new] =
      constants_.try_emplace({lane_bytes == 8 ? value : value & 0xffffffff, lane_bytes, in_shared}, 0);
  if (is_new) {
    if (in_shared)
      program_.shared_addresses.push_back({program_.constants.size(), lane_bytes});
    found->second = ~static_cast<Slot>(program_.constants.size());
    for (unsigned lane = 0; lane < 32; ++lane) {
      const std::size_t at = program_.constants.size();
      program_.constants.resize(at + lane_bytes);
      std::memcpy(program_.constants.data() + at, &value, lane_bytes);
    }
  }
  return found->second;
}

Decoder::Meaning Decoder::lookup(const std::string& name, unsigned scope) {
  using Kind = Meaning::Kind;
  const auto register_of = [&](unsigned at, unsigned bits) {
    const auto [found, is_new] = numbers_[at].try_emplace(name, 0);
    if (is_new)
      found->second = newRegister(bits);
    return Meaning{Kind::Register, found->second, bits, Space::Register, 0};
  };
  const std::size_t digits = name.find_last_not_of("0123456789") + 1;
  for (unsigned at = scope;; at = function_->scopes[at].parent) {
    const ptx::Scope& names = function_->scopes[at];
    if (const auto found = names.registers.find(name); found != names.registers.end())
      return register_of(at, found->second.bits);
    if (digits < name.size() && name.size() - digits < 8) {
      const auto range = names.register_ranges.find(name.substr(0, digits));
      unsigned number = 0;
      std::from_chars(&name[digits], name.data() + name.size(), number);
      if (range != names.register_ranges.end() && number < range->second.second)
        return register_of(at, range->second.first.bits);
    }
    if (const auto found = names.variables.find(name); found != names.variables.end()) {
      const ptx::Variable& variable = function_->variables[found->second];
      if (variable.space == Space::Shared)
        break;
      if (variable.space == Space::Local || variable.space == Space::Param) {
        const auto [offset, is_new] = variables_.try_emplace(std::to_string(at) + ":" + name, 0);
        if (is_new)
          offset->second = reserve(program_.local_bytes, variable);
        return {Kind::Address, no_slot, 64, Space::Local, offset->second};
      }
    }
    if (at == 0)
      break;
  }
  if (const auto found = variables_.find(name); found != variables_.end())
    return {Kind::Address, no_slot, 64, Space::Local, found->second};
  if (const auto found = parameters_.find(name); function_->entry && found != parameters_.end())
    return {Kind::Address, no_slot, 64, Space::Param, found->second};
  if (const auto found = shared_.find(name); found != shared_.end())
    return {Kind::Address, no_slot, 64, Space::Shared, found->second};
  if (const auto found = globals_.find(name); found != globals_.end())
    return {Kind::Address, no_slot, 64, Space::Global, found->second};
  if (name.starts_with('%') || name == "WARP_SZ")
    return {Kind::Special, no_slot, 0, Space::Generic, 0};
  return {};
}

Decoder::Frame& Decoder::frameOf(const std::string& name, unsigned line) {
  const auto callee = module_.functions.find(name);
  if (callee == module_.functions.end() || callee->second.entry)
    ptx::fail(line, "call of unknown function '" + name + "'");
  const bool has_body = !callee->second.scopes.empty();
  if (!has_body && exec::systemCall(name) == nullptr)
    ptx::fail(line, "call of '" + name + "', which has no body: the emulated device has no device runtime");
  const auto [found, is_new] = frames_.try_emplace(name);
  Frame& frame = found->second;
  if (is_new) {
    frame.return_address = newRegister(32);
    const auto place = [&](const std::vector<ptx::Variable>& variables, std::vector<std::uint64_t>& offsets) {
      for (const ptx::Variable& variable : variables) {
        if (variable.space == Space::Register)
          ptx::fail(line, "function '" + name + "' takes registers as parameters: not supported");
        offsets.push_back(reserve(program_.local_bytes, variable));
        frame.names[variable.name] = offsets.back();
      }
    };
    place(callee->second.parameters, frame.parameters);
    place(callee->second.results, frame.results);
    if (has_body)
      pending_.push_back(name);
  }
  return frame;
}

/// call (results), function, (arguments): arguments and results are variables in local memory, copied around a jump
/// that leaves its way back in a register.
void Decoder::call(Decode& decode) {
  const ptx::Statement& statement = decode.statement;
  const Operand* results = nullptr;
  const Operand* arguments = nullptr;
  std::string name;
  for (const Operand& operand : statement.operands) {
    if (operand.kind == Operand::Kind::Name && name.empty())
      name = operand.name;
    else if (operand.kind == Operand::Kind::Vector)
      (name.empty() ? results : arguments) = &operand;
    else
      decode.unsupported("an indirect call");
  }
  const Frame frame = frameOf(name, statement.line);
  const ptx::Function& callee = module_.functions.at(name);
  const auto copy = [&](const Operand* list, const std::vector<std::uint64_t>& theirs,
                        const std::vector<ptx::Variable>& variables, bool outward) {
    const std::size_t given = list != nullptr ? list->elements.size() : 0;
    if (given != theirs.size())
      ptx::fail(statement.line,
                "'" + name + "' takes " + std::to_string(theirs.size()) + " values, not " + std::to_string(given));
    for (std::size_t i = 0; i < given; ++i) {
      const Meaning ours = lookup(list->elements[i].name, statement.scope);
      if (ours.kind != Meaning::Kind::Address || ours.space != Space::Local)
        ptx::fail(statement.line, "argument '" + list->elements[i].name + "' is no .param variable");
      decode.instr.immediate = static_cast<std::int64_t>(outward ? ours.address : theirs[i]);
      decode.instr.target = static_cast<std::uint32_t>(outward ? theirs[i] : ours.address);
      decode.instr.flops = 0;
      decode.instr.detail = static_cast<std::uint16_t>(variables[i].bytes);
      if (variables[i].bytes > 65535)
        decode.unsupported("an argument of more than 65535 bytes");
      decode.handler(&exec::copyLocal, Class::Other);
      decode.emit();
    }
  };
  copy(arguments, frame.parameters, callee.parameters, true);
  if (callee.scopes.empty()) {
    decode.instr.target = static_cast<std::uint32_t>(frame.parameters.empty() ? 0 : frame.parameters[0]);
    decode.instr.immediate = static_cast<std::int64_t>(frame.results.empty() ? 0 : frame.results[0]);
    decode.handler(exec::systemCall(name), Class::Other);
  } else {
    decode.instr.op[0] = frame.return_address;
    decode.instr.writes = decode.instr.operands = 1;
    decode.instr.immediate = static_cast<std::int64_t>(position() + 1);
    calls_.emplace_back(position(), name);
    decode.handler(&exec::call, Class::Branch);
  }
  decode.emit();
  copy(results, frame.results, callee.results, false);
}

void Decoder::returnFrom(Decode& decode) {
  if (function_->entry) {
    decode.handler(&exec::exit, Class::Branch);
  } else {
    decode.instr.op[0] = frames_.at(function_->name).return_address;
    decode.instr.operands = 1;
    decode.handler(&exec::ret, Class::Branch);
  }
  decode.emit();
}

} // namespace attune::emulator
