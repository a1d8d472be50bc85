#pragma once

#include "runtime/emulator/Program.h"

#include <string>
#include <string_view>
#include <unordered_map>

namespace attune::emulator {

using ptx::Operand;
using ptx::Space;
using ptx::Type;

class Decoder;

/// One statement on its way to an instruction. A rule takes the suffixes it knows, adds operands in the order its
/// handler wants them, and names the handler; what it leaves over is an error that names the instruction.
class Decode {
public:
  Decode(Decoder& decoder, const ptx::Statement& statement);

  const ptx::Statement& statement;
  Instr instr;

  bool take(std::string_view suffix);
  bool peek(std::string_view suffix) const;
  /// Takes the first type among the suffixes.
  Type takeType();
  /// Takes ".global" and its like; Generic if there is none.
  Space takeSpace();
  bool takeOwnShared(); ///< .shared or .shared::cta: the instruction reaches no other block of a cluster
  /// Takes cache operators and hints, which change no result. True if `operands` holds a cache policy at its end.
  bool takeCacheHints();

  std::size_t count() const { return statement.operands.size(); }
  const Operand& operand(std::size_t index) const;
  void expectOperands(std::size_t least, std::size_t most) const;

  void destination(const Operand& operand, Type type);
  void source(const Operand& operand, Type type);
  /// As they are declared: for ld, st, cvt, where a register may be wider than the type. Destinations set Instr::wide.
  void anyDestination(const Operand& operand, Type type);
  void anySource(const Operand& operand, Type type);
  void address(const Operand& operand);
  void sources(std::size_t first, std::size_t number, Type type);
  std::size_t widthOf(const Operand& operand) const; ///< bits of a register, 0 for anything else
  bool isSpecial(const std::string& name) const;     ///< %tid.x and its like, which only mov reads
  Space spaceOfName(const Operand& address) const;   ///< of the variable in an address; Generic for a register
  std::uint32_t constantOf(const Operand& operand) const;
  Slot temporary(unsigned bits);
  void usesAsyncProxy();      ///< the kernel's blocks need what AsyncProxy has
  void carryFlag(bool write); ///< the condition code of add.cc and its like, as the next operand

  void handler(Handler run, Class category) { instr.run = run, instr.category = category; }
  void emit(); ///< appends `instr` and starts another with the same guard
  [[noreturn]] void unsupported(const std::string& what) const;
  void finish();

  Decoder& decoder;

private:
  void push(Slot slot);
  std::vector<bool> taken_;
};

using Rule = void (*)(Decode&);
using Rules = std::unordered_map<std::string, Rule>;

/// The one table from opcode to rule; each file of exec/ adds its own.
const Rules& rules();
void addMoveRules(Rules& rules);
void addIntegerRules(Rules& rules);
void addBitRules(Rules& rules);
void addArithmeticRules(Rules& rules);
void addCompareRules(Rules& rules);
void addConvertRules(Rules& rules);
void addLoadStoreRules(Rules& rules);
void addAtomicRules(Rules& rules);
void addAsyncRules(Rules& rules);
void addMatrixRules(Rules& rules);
void addMatrixMoveRules(Rules& rules);
void addWmmaRules(Rules& rules);
void addClusterRules(Rules& rules);
void addMbarrierRules(Rules& rules);
void addRoleRules(Rules& rules);
void addWgmmaRules(Rules& rules);
void addWarpRules(Rules& rules);
void addControlRules(Rules& rules);

/// Where the decoder gets the address of module variables from.
using GlobalAddresses = std::unordered_map<std::string, std::uint64_t>;

/// Builds the program of one kernel. Throws DeviceError for an unknown kernel, name or instruction.
Program decode(const ptx::Module& module, const std::string& kernel, const GlobalAddresses& globals);

} // namespace attune::emulator
