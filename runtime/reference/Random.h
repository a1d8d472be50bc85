#pragma once

#include "runtime/reference/Reference.h"

#include <cstdint>

namespace attune::reference {

/// Normally distributed Q, K, V, exact in the spec's dtype; ALiBi slopes in [0, 0.3), sinks normal, descales in [0, 2)
/// as in FlashAttention's tests. With a softcap, Q is scaled so that scores reach it. The same seed gives the same
/// tensors on every machine.
Tensors randomTensors(const AttentionSpec& spec, const Lengths& lengths, std::uint64_t seed);

} // namespace attune::reference
