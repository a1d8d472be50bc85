#pragma once

#include "attune/attune.hpp"
#include "runtime/reference/Reference.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attune::bench {

/// One attention to be timed. Peers get the same ones: `attune bench --list-cases --json`.
struct Case {
  std::string suite; ///< "prefill", "decode", "varlen"
  std::string name;  ///< "qwen2.5-7b 1x8192": batch x length, of a decode context
  AttentionSpec spec;
  reference::Lengths lengths;

  Problem problem() const;
};

/// The cases of a suite of attention. Throws UserError for an unknown one.
std::vector<Case> casesOf(std::string_view suite);

/// The same attention with few short sequences, for a device that can't be timed.
Case tiny(const Case& big);

/// FLOPs as the field counts them: 2 (head_dim + head_dim_v) per pair and q head; of the pairs of a causal mask half of
/// a square, as FlashAttention's benchmarks do; with a window or a chunk the pairs that are visible.
double flops(const Case& c);
/// Bytes of Q, K, V and O, each once: what memory must move at least. Keys that no query sees are not counted.
double bytes(const Case& c);

} // namespace attune::bench
