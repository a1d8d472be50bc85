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
/// Toward zero: what the accumulators of Hopper keep of sums of 8-bit floats (SageAttention2, arXiv:2411.10958, section
/// 3.2; DeepSeek-V3, arXiv:2412.19437, section 3.3.2). PTX promises no precision.
void truncateTo13Bits(float* values, std::size_t count);

} // namespace attune::emulator::exec
