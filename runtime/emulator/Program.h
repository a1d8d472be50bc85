#pragma once

#include "runtime/emulator/Ptx.h"

#include <cstdint>
#include <string>
#include <vector>

namespace attune::emulator {

class Warp;
struct Op;
using Handler = void (*)(Warp&, const Op&);

/// What the counters tell apart.
enum class Class : std::uint8_t { Alu, Fma, Sfu, Mma, LoadGlobal, StoreGlobal, LoadShared, StoreShared, LoadMatrix, CopyAsync, Other, Count };

/// What the scheduler must do with an instruction beyond calling its handler.
enum class Flow : std::uint8_t { Next, Branch, Exit, Barrier, Converge };

constexpr std::uint32_t no_guard = ~0u;

/// A decoded instruction. Operands are byte offsets into the warp's register file (of predicates: indices), destination first.
struct Op {
  Handler run = nullptr;
  std::vector<std::uint32_t> r;
  std::int64_t immediate = 0; ///< address offset, shift of a modifier, comparison, ...
  int target = -1;            ///< of a branch
  std::uint32_t guard = no_guard;
  bool guard_negated = false;
  bool wide_address = false;  ///< atomics: the address register has 64 bits
  bool shared = false;        ///< atomics: in shared memory
  Flow flow = Flow::Next;
  Class kind = Class::Alu;
  int line = 0;
};

/// A kernel, ready to run. Register file: 32 lanes of 4 or 8 bytes per register; constants are registers that are filled once.
struct Program {
  std::string name;
  std::vector<Op> ops;
  std::vector<std::string> text; ///< of each op, for messages
  std::uint32_t register_bytes = 0;
  std::uint32_t predicates = 0;
  struct Constant {
    std::uint32_t offset;
    bool wide;
    std::uint64_t bits;
  };
  std::vector<Constant> constants;
  struct Special { ///< a special register that is read: "%tid.x"
    std::uint32_t offset;
    bool wide;
    std::string name;
  };
  std::vector<Special> specials;
  struct Pointer { ///< a constant that is the address of a module variable, known at load
    std::uint32_t offset;
    std::string variable;
  };
  std::vector<Pointer> pointers;
  std::vector<Variable> parameters;
  std::size_t parameter_bytes = 0;
  std::size_t static_shared = 0;
  std::size_t local_bytes = 0; ///< per thread
  int max_threads = 1024;
};

/// Where each virtual register lives: registers whose live ranges do not meet share a place, so that a warp's file fits the cache.
struct Allocation {
  std::map<std::string, std::uint32_t> place; ///< byte offset; of predicates: index
  std::uint32_t bytes = 0;
  std::uint32_t predicates = 0;
};
Allocation allocateRegisters(const Entry& entry);

/// Throws DeviceError for an instruction that the emulator does not know, with its text and line.
Program decode(const Entry& entry, const Module& module);

/// What an instruction selector sees: the text, and the places of its operands.
class Decoder;
using Selector = bool (*)(const Instruction&, Decoder&, Op&);
bool selectArithmetic(const Instruction&, Decoder&, Op&);
bool selectFloat(const Instruction&, Decoder&, Op&);
bool selectConvert(const Instruction&, Decoder&, Op&);
bool selectMemory(const Instruction&, Decoder&, Op&);
bool selectMatrix(const Instruction&, Decoder&, Op&);
bool selectWarpwide(const Instruction&, Decoder&, Op&);

/// Places of operands while an entry is decoded.
class Decoder {
public:
  Decoder(const Entry& entry, const Module& module, Program& program);

  /// Place of a value operand; constants get a place of their own. `type` is how the instruction reads it.
  std::uint32_t value(const Operand& operand, Type type);
  std::uint32_t predicate(const Operand& operand);
  std::uint32_t constant(std::uint64_t bits, bool wide);
  bool isPredicate(const Operand& operand) const;
  /// Appends places of the operands (vectors flattened) to op.r, all read as `type`.
  void values(const Instruction& i, Op& op, Type type, std::size_t first = 0);
  /// Offset of a variable of the named space, or nothing.
  const Variable* find(const std::string& name) const;
  const Entry& entry() const { return entry_; }
  [[noreturn]] void fail(const std::string& what) const;

private:
  const Entry& entry_;
  const Module& module_;
  Program& program_;
  Allocation allocation_;
  std::map<std::pair<std::uint64_t, bool>, std::uint32_t> constants_;
  std::map<std::string, std::uint32_t> specials_;
  std::map<std::string, std::uint32_t> pointers_;
};

// The windows of generic addresses. Global memory lies above them.
constexpr std::uint64_t shared_window = 0x0100'0000'0000;
constexpr std::uint64_t local_window = 0x0200'0000'0000;
constexpr std::uint64_t global_window = 0x7000'0000'0000;

} // namespace attune::emulator
