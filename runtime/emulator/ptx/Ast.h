#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// PTX text as data: what the parser makes and the decoder reads. Names are resolved by the decoder.
namespace attune::emulator::ptx {

enum class Space : std::uint8_t { Generic, Global, Shared, Local, Const, Param, Register };

/// A fundamental type: its letter (b, u, s, f; p for predicates, h for bf16) and its width in bits.
struct Type {
  char kind = 'b';
  unsigned bits = 32;
  unsigned bytes() const { return kind == 'p' ? 1 : bits / 8; }
};

/// ".u32" -> Type; false for text that names none.
bool parseType(const std::string& text, Type& type);

struct Operand {
  enum class Kind : std::uint8_t {
    Name,    ///< register, variable, label or function, perhaps plus `value`
    Integer, ///< `value`
    Float,   ///< bits of an f64 in `value`; 0f literals are widened, which is exact
    Address, ///< [elements[0] + value]
    Vector,  ///< {a, b, ...}, also (a, b) of calls
    Pair,    ///< p|q
  };
  Kind kind = Kind::Integer;
  bool negated = false; ///< !p
  bool single = false;  ///< a Float written as 0f
  std::string name;
  std::int64_t value = 0;
  std::vector<Operand> elements;
};

struct Statement {
  std::string guard; ///< predicate register, empty if none
  bool guard_negated = false;
  std::string opcode;              ///< "add"
  std::vector<std::string> suffix; ///< {"rn", "f32"}
  std::vector<Operand> operands;
  unsigned line = 0;
  unsigned scope = 0;
};

struct Relocation {
  std::size_t offset = 0;
  unsigned bytes = 8;
  std::string symbol;
  std::int64_t addend = 0;
};

struct Variable {
  std::string name;
  Space space = Space::Global;
  Type type;
  std::size_t alignment = 1;
  std::size_t bytes = 0;
  bool external = false; ///< .extern .shared x[]: the launch gives the size
  std::vector<std::byte> initial;
  std::vector<Relocation> relocations;
};

/// What a name means inside one pair of braces.
struct Scope {
  unsigned parent = 0;
  std::map<std::string, Type> registers;
  std::map<std::string, std::pair<Type, unsigned>> register_ranges; ///< %r<12>
  std::map<std::string, std::size_t> variables;                     ///< index into Function::variables
  std::map<std::string, std::size_t> labels;                        ///< index into Function::body
  std::map<std::string, std::vector<std::string>> branch_targets;   ///< .branchtargets lists
};

struct Function {
  std::string name;
  bool entry = false;
  unsigned max_threads = 0;          ///< .maxntid or .reqntid: the product; 0 where there is none
  unsigned max_registers = 0;        ///< .maxnreg
  unsigned min_blocks = 0;           ///< .minnctapersm
  std::array<unsigned, 3> cluster{}; ///< .reqnctapercluster
  std::vector<Variable> parameters, results;
  std::vector<Variable> variables;
  std::vector<Statement> body;
  std::vector<Scope> scopes;
};

struct Module {
  unsigned target = 0; ///< 80 of sm_80
  std::vector<Variable> variables;
  std::map<std::string, Function> functions;
  std::vector<std::string> lines; ///< the text, for messages
};

/// Throws DeviceError that names the line for text that is not PTX, or that is PTX this reader does not know.
Module parse(const std::string& text);

} // namespace attune::emulator::ptx
