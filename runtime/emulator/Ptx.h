#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace attune::emulator {

/// Scalar types of PTX, with those of packed arithmetic.
enum class Type : std::uint8_t { None, U8, U16, U32, U64, S8, S16, S32, S64, B8, B16, B32, B64, F16, F16x2, BF16, BF16x2, F32, F64, Pred };

Type typeNamed(std::string_view name); ///< Type::None if it is not one
int bytesOf(Type type);

/// One operand as written: `%r1`, `7`, `0f3F800000`, `[%rd1+16]`, `{%f1, %f2}`, a symbol.
struct Operand {
  enum class Kind { Register, Integer, Float, Symbol, Address, Vector } kind = Kind::Integer;
  std::string name;             ///< register or symbol; of an address: its base, or empty
  std::uint64_t bits = 0;       ///< Integer; Float: as an IEEE double; Address: the offset
  std::vector<Operand> parts;   ///< Vector
};

/// One instruction as written.
struct Instruction {
  std::string opcode;                 ///< "setp"
  std::vector<std::string> modifiers; ///< {"lt", "s32"}
  std::vector<Operand> operands;      ///< `a|b` makes two
  std::string guard;                  ///< predicate register, or empty
  bool guard_negated = false;
  int line = 0;

  bool has(std::string_view modifier) const;
  Type type(int which = -1) const; ///< the which-th modifier that is a type; -1: the last
};

struct Variable {
  std::string name;
  std::size_t bytes = 0; ///< 0 for the dynamic part of shared memory
  std::size_t alignment = 1;
  std::size_t offset = 0; ///< within its space
  std::vector<std::byte> initial;
};

struct Entry {
  std::string name;
  std::vector<Variable> parameters;
  std::map<std::string, Type> registers; ///< every register of the body
  std::vector<Variable> local;
  std::vector<Variable> shared;
  std::vector<Instruction> body;
  std::map<std::string, int> labels; ///< position in body
  int max_threads = 1024;
};

struct Module {
  std::vector<Entry> entries;
  std::vector<Variable> shared; ///< of module scope
  std::vector<Variable> global; ///< .global and .const
};

/// Reads PTX text. Throws DeviceError with the line and what was expected there.
Module parsePtx(std::string_view text);

} // namespace attune::emulator
