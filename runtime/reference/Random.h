#pragma once

#include "runtime/reference/Reference.h"

#include <cstdint>
#include <string_view>

namespace attune::reference {

/// Numbers that depend on a seed, a name and a position, and on nothing before them: by integers and one product in
/// fp32, so every machine and language has the same, to the bit (tests/gpu/inputs.py has them in PyTorch).
class RandomStream {
public:
  /// Element n of a tensor is that of n % period, a prime: large tensors are filled by copies, and no two rows of one
  /// are alike before 4 Mi rows.
  static constexpr std::uint64_t period = 4194301;

  RandomStream(std::uint64_t seed, std::string_view name);

  /// Of mean 0 and variance 1, nearly normal: the sum of four uniform numbers of 16 bits. Never beyond 2 sqrt(3).
  float normal(std::uint64_t n) const;
  /// In [0, 1), a multiple of 2^-24.
  float uniform(std::uint64_t n) const;

private:
  std::uint32_t bits(std::uint64_t n) const;
  std::uint32_t key_;
};

/// What Q is multiplied by: with a softcap, so that scores reach it.
float scaleOfQ(const AttentionSpec& spec);

/// Q, K, V nearly normal, rounded to the spec's dtype; ALiBi slopes in [0, 0.3), sinks nearly normal, descales in
/// [0, 2) as in FlashAttention's tests. Each is the stream of its own name.
Tensors randomTensors(const AttentionSpec& spec, const Lengths& lengths, std::uint64_t seed);

} // namespace attune::reference
