#pragma once

#include "runtime/emulator/Decode.h"

#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

namespace attune::emulator {

/// Turns the functions of a kernel into one program. During decoding an operand is the number of a register (or ~offset
/// of a constant); allocateRegisters() makes slots of them.
class Decoder {
public:
  Decoder(const ptx::Module& module, const GlobalAddresses& globals) : module_(module), globals_(globals) {}

  Program run(const std::string& kernel);
  Program& program() { return program_; }

  struct Meaning {
    enum class Kind : std::uint8_t { None, Register, Address, Special } kind = Kind::None;
    Slot register_number = no_slot;
    unsigned bits = 0;
    Space space = Space::Generic;
    std::uint64_t address = 0;
  };
  Meaning lookup(const std::string& name, unsigned scope);
  Slot newRegister(unsigned bits);
  /// `in_shared`: an address in shared memory, which differs from block to block of a cluster.
  Slot constant(std::uint64_t value, unsigned bits, bool in_shared = false);
  Slot carryRegister();
  /// A register of wgmma, which gets a slot of its own.
  Slot pinnedRegister(const Decode& decode, const ptx::Operand& operand);
  void append(const Instr& instr) { program_.code.push_back(instr); }
  std::size_t position() const { return program_.code.size(); }

  /// The instruction at `position` jumps to `label`; settled when the function is complete.
  void jumpTo(const std::string& label, unsigned scope, unsigned line);
  std::uint32_t jumpTable(const std::string& name, unsigned scope, unsigned line);
  void call(Decode& decode);
  void returnFrom(Decode& decode);

private:
  struct Frame { ///< of a device function that calls reach
    std::uint32_t start = 0;
    Slot return_address = no_slot;
    std::vector<std::uint64_t> parameters, results; ///< offsets in local memory
    std::map<std::string, std::uint64_t> names;
    bool decoded = false;
  };
  struct Jump {
    std::size_t at;
    std::string label;
    unsigned scope, line;
    std::uint32_t table = ~0u; ///< else an entry of this jump table
    std::size_t entry = 0;
  };

  void decodeFunction(const ptx::Function& function);
  void layoutVariables();
  Frame& frameOf(const std::string& name, unsigned line);
  std::uint64_t reserve(std::size_t& top, const ptx::Variable& variable) const;
  std::uint32_t labelTarget(const Jump& jump) const;

  const ptx::Module& module_;
  const GlobalAddresses& globals_;
  Program program_;
  const ptx::Function* function_ = nullptr;
  std::vector<unsigned> registers_; ///< bits
  std::vector<Slot> pinned_;
  Slot carry_ = no_slot;
  std::vector<std::unordered_map<std::string, Slot>> numbers_;
  std::map<std::tuple<std::uint64_t, unsigned, bool>, Slot> constants_;
  std::map<std::string, std::uint64_t> shared_, parameters_, variables_;
  std::map<std::string, Frame> frames_;
  std::vector<std::string> pending_;
  std::vector<Jump> jumps_;
  std::vector<std::pair<std::size_t, std::string>> calls_; ///< instruction and callee
  std::vector<std::uint32_t> starts_;                      ///< of each statement of the current function
  std::vector<std::size_t> functions_;
};

/// Of the function at [begin, end): where basic blocks begin.
std::vector<bool> leaders(const Program& program, std::size_t begin, std::size_t end);
/// Sums and differences of products that ptxas may fuse get the factors as operands, too (exec::fusing). `registers`:
/// how many there are; those of wgmma, which change behind the back of an instruction, are no factors.
void offerFusion(Program& program, std::size_t registers, const std::vector<std::size_t>& functions,
                 const std::vector<Slot>& pinned);
/// Replaces register numbers by slots. `functions`: where each begins in the code.
/// `pinned` ones share theirs with nothing.
void allocateRegisters(Program& program, const std::vector<unsigned>& bits, const std::vector<std::size_t>& functions,
                       const std::vector<Slot>& pinned);
void trackWgmmaRegisters(Program& program);

} // namespace attune::emulator
