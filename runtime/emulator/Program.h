#pragma once

#include "runtime/emulator/exec/BulkForm.h"
#include "runtime/emulator/ptx/Ast.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

namespace attune::emulator {

class Warp;
struct Instr;

/// Runs one instruction for the lanes in `Warp::exec`.
using Handler = void (*)(Warp&, const Instr&);

/// Where a value of 32 lanes lives: byte offset into the warp's registers, or ~offset into the program's constants.
using Slot = std::int32_t;
constexpr Slot no_slot = std::numeric_limits<Slot>::max();

/// What the counters call an instruction.
enum class Class : std::uint8_t {
  Alu,
  Fma,
  Sfu,
  Convert,
  Mma,
  Wgmma,
  LoadGlobal,
  StoreGlobal,
  LoadShared,
  StoreShared,
  LoadLocal,
  StoreLocal,
  LoadParam,
  LoadGeneric,
  StoreGeneric,
  Atomic,
  AsyncCopy,
  BulkCopy,
  Mbarrier,
  Ldmatrix,
  Shuffle,
  Vote,
  Barrier,
  Branch,
  Other,
  Count
};
const char* className(Class which);

/// What PTX leaves ptxas to fuse: a product with a sum or a difference, where none says how it is rounded.
enum class Fusible : std::uint8_t { None, Product, Sum, Difference };

/// One decoded instruction: a function specialised for operation and type, and where its operands are.
struct Instr {
  Handler run = nullptr;
  Slot guard = no_slot;
  bool guard_negated = false;
  Class category = Class::Other;
  std::uint8_t writes = 0;       ///< op[0 .. writes) are destinations
  std::uint8_t operands = 0;     ///< op[writes .. operands) are sources
  bool wide_address : 1 = false; ///< the address operand has 64-bit lanes
  bool own_shared : 1 = false;   ///< says .shared or .shared::cta
  bool strong : 1 = false;       ///< a load or store that says .relaxed, .acquire, .release, .volatile or .mmio
  std::uint8_t wide = 0;         ///< bit i: destination i has 64-bit lanes
  Fusible fusible = Fusible::None;
  std::uint16_t detail = 0; ///< what the handler wants to know besides
  std::uint32_t target = 0; ///< of a branch
  std::int64_t immediate = 0;
  std::uint32_t flops = 0; ///< of tensor work per execution
  std::uint32_t line = 0;
  std::array<Slot, 14> op{};
};

/// An instruction that touches registers which some wgmma uses.
struct TrackedInstr {
  Handler run = nullptr;
  std::vector<std::uint32_t> registers; ///< by their number among those of wgmma
  std::uint32_t writes = 0;             ///< the first of them are destinations
};

enum class WgmmaElement : std::uint8_t { Bfloat, Half, E4m3, E5m2, Tf32 };

/// What a wgmma.mma_async is, beside its operands. A row of A or of B is 32 bytes, whatever the element.
/// Instr::op: descriptor of A or four registers, descriptor of B, predicate scale-d; `immediate`: the fragment of D.
struct WgmmaForm {
  std::uint32_t n = 0, k = 0;
  WgmmaElement a = WgmmaElement::Bfloat, b = WgmmaElement::Bfloat;
  bool a_in_registers = false;
  bool half_sums = false; ///< D is f16, two to a register
  bool negates = false;
  bool a_transposed = false, b_transposed = false; ///< M or N is the contiguous dimension, not K
  unsigned aSlots() const { return a_in_registers ? 4 : 1; }
};

struct NamedRange {
  std::string name;
  std::size_t offset = 0, bytes = 0;
};

/// A kernel, ready to run. Immutable: all blocks share it.
struct Program {
  std::string kernel;
  std::vector<Instr> code;
  std::vector<std::vector<std::uint32_t>> jump_tables;
  std::vector<std::byte> constants; ///< every immediate, once per lane
  struct SharedAddress {
    std::size_t offset; ///< in `constants`
    unsigned lane_bytes;
  };
  std::vector<SharedAddress> shared_addresses; ///< those that are places in shared memory, of the block of rank 0
  /// The constants of the block of this rank in its cluster, whose addresses in shared memory carry the rank.
  std::vector<std::byte> constantsOf(unsigned rank) const;
  std::size_t register_bytes = 0; ///< of one warp
  std::size_t local_bytes = 0;    ///< per thread
  std::size_t static_shared = 0;
  std::vector<NamedRange> shared_variables;
  std::vector<NamedRange> parameters;
  std::size_t parameter_bytes = 0;
  std::vector<std::string> lines; ///< the PTX text
  std::vector<BulkForm> bulk_forms;
  /// Registers of wgmma have slots of their own: it writes them when nothing else may.
  std::vector<WgmmaForm> wgmma_forms;
  std::vector<std::vector<Slot>> fragments; ///< accumulators
  Slot wgmma_slots = 0;                     ///< where they begin
  std::uint32_t wgmma_registers = 0;
  bool isWgmmaRegister(Slot slot) const {
    return slot >= wgmma_slots && slot < wgmma_slots + Slot(128 * wgmma_registers);
  }
  std::uint32_t wgmmaRegister(Slot slot) const { return static_cast<std::uint32_t>(slot - wgmma_slots) / 128; }
  std::unordered_map<std::uint32_t, TrackedInstr> tracked; ///< by position in the code
  bool uses_async_proxy = false;                           ///< mbarriers, bulk copies, wgmma
  std::array<unsigned, 3> cluster{};                       ///< .reqnctapercluster, 0 where the launch says it
  unsigned max_threads = 0;                                ///< .maxntid or .reqntid, 0 where there is none
  unsigned max_registers = 0;                              ///< .maxnreg
  unsigned min_blocks = 0;                                 ///< .minnctapersm
};

} // namespace attune::emulator
