#pragma once

#include "runtime/emulator/Program.h"

namespace attune::emulator {

/// The matrix descriptor of an operand in shared memory (PTX ISA, "Matrix-descriptor format").
struct MatrixDescriptor {
  explicit MatrixDescriptor(std::uint64_t bits);
  std::uint32_t start = 0;               ///< bytes
  std::uint32_t leading = 0, stride = 0; ///< byte offsets
  std::uint32_t span = 16;               ///< of the swizzle: 16 (none), 32, 64 or 128 bytes
  std::uint32_t swizzle = 0;             ///< bits 7.. of the address that are XORed into bits 4..
  /// The 16 bytes number `chunk` (0 or 1) of row `row`, where K is contiguous.
  std::uint32_t kMajor(std::uint32_t row, std::uint32_t chunk) const;
  /// Elements [8 unit, 8 unit + 8) of M or N at position `k`, where M or N is contiguous.
  std::uint32_t mnMajor(std::uint32_t k, std::uint32_t unit) const;
};

} // namespace attune::emulator
