#pragma once

#include "runtime/emulator/Program.h"

#include <cstddef>
#include <cstdint>

namespace attune::emulator::exec {

/// Rows of 32 bytes as they lie in shared memory or in registers, and what becomes of them for the product.
/// `raw`: [rows][32 bytes]. `wide`: [rows][k].
void widenRows(WgmmaElement element, const std::byte* raw, std::size_t rows, float* wide);
/// The same, transposed: `wide` is [k][rows].
void widenTransposed(WgmmaElement element, const std::byte* raw, std::size_t rows, float* wide);
/// sums[64][n] (+)= a[64][k] * b[k][n]; k ascending, every step fused.
void multiplyTiles(float* sums, const float* a, const float* b, std::size_t n, std::size_t k, bool accumulates);
void roundToHalf(float* values, std::size_t count);

} // namespace attune::emulator::exec
