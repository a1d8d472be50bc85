#pragma once

#include "attune/compiler/Spec.h"

#include <string>
#include <string_view>

// Specs and kernels as a person would name them, in a line.

namespace attune::cli {

/// "bf16, head dim 128, 28 query heads on 4 key/value heads, causal". What is at its default is left out.
std::string inWords(const AttentionSpec& spec);

/// What a kernel says of itself, in the comment above its code: the compiler writes it, and the cache keeps it in the
/// kernel's key, which has the text. Empty where there is none.
struct KernelWords {
  std::string spec;     ///< "bf16, head dim 128, 28 query heads on 4 key/value heads; key <= query + sk - sq"
  std::string schedule; ///< "q_tile 128, kv_tile 64, 4 warps, 2 stages"
};
KernelWords wordsOf(std::string_view kernel);

} // namespace attune::cli
