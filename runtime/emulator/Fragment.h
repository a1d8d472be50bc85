#pragma once

#include "runtime/emulator/Clocks.h"
#include "runtime/emulator/MatrixDescriptor.h"

#include <array>
#include <span>
#include <vector>

namespace attune::emulator {

class Block;
class Warp;

/// Between the registers of one warp and its 16 rows of n accumulators (PTX ISA, "Register fragments of wgmma": lane l
/// holds columns 8 j + 2 (l % 4) and the next of rows l / 4 and l / 4 + 8). Half sums are two to a register.
void loadFragment(const Warp& warp, std::span<const Slot> fragment, std::size_t n, bool half_sums, float* rows);
void storeFragment(Warp& warp, std::span<const Slot> fragment, std::size_t n, bool half_sums, const float* rows);

/// Reads A and B of a product as the asynchronous proxy, and multiplies. One serves all products of a block, so that
/// its storage is there.
class OperandReader {
public:
  explicit OperandReader(Block& block) : block_(block) {}

  /// `op`: the operands of the instruction; `issued`: what each of the four warps knew when it issued its part.
  void run(Stamp reader, const WgmmaForm& form, const Slot* op, std::uint64_t a, std::uint64_t b, unsigned warpgroup,
           const std::array<Moment, 4>& issued);
  void multiply(const WgmmaForm& form, float* sums, bool accumulates);

private:
  void fromRegisters(const Slot* op, std::size_t warpgroup);
  void rows(const MatrixDescriptor& descriptor, std::uint32_t count, bool transposed, std::vector<std::byte>& raw,
            std::span<const Moment> issued);
  const std::byte* chunk(std::uint32_t address, const Moment& issued);
  void account(const std::uint32_t (&addresses)[8]);

  Block& block_;
  Stamp reader_;
  std::vector<std::byte> a_, b_; ///< rows of 32 bytes; of a transposed operand the k-th row of all its elements
  std::vector<float> wide_a_, wide_b_;
};

} // namespace attune::emulator
