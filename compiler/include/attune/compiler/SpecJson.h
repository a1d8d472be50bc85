#pragma once

#include "attune/compiler/Spec.h"

#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] attune {

/// Reads a spec. Required keys: q_heads, head_dim. The others default as in AttentionSpec, and kv_heads to q_heads,
/// head_dim_v to head_dim:
///   dtype            "bf16", "fp16", "fp8_e4m3"
///   causal           "none", "bottom_right", "top_left"; true is bottom_right
///   window           {"left": integer, "right": integer}: inclusive distances, an absent side is unlimited
///   chunk, prefix    integers
///   mask             a list of strings, one per set of the union: ["k <= q + sk - sq and k % 2 == 0"]
///   softcap, scale   numbers
///   alibi            "none", "per_head", "per_batch_head"; true is per_head
///   layout           "bshd", "bhsd", "strided"
///   outputs          ["o"], ["o", "lse"]
///   sink, varlen, deterministic, batch_invariant    bools
/// The result is valid. Throws UserError that names the key, its value, the rule and the remedy; unknown keys are
/// refused with the nearest known one, and so are duplicates.
AttentionSpec specFromJson(std::string_view text);

/// The canonical form, fit for a cache key: every key, in a fixed order, one line, numbers in their shortest exact
/// form. Equal specs give equal text, and specFromJson reads it back. Defaults are written out: a default that changes
/// one day must not change what old text means.
std::string specToJson(const AttentionSpec& spec);

/// Throws UserError for the first rule that the spec breaks: Invalid, or Unsupported where the rule is a limit of
/// Attune.
void validate(const AttentionSpec& spec);

} // namespace attune
