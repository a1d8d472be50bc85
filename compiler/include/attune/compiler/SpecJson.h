#pragma once

#include "attune/compiler/Spec.h"

#include <string>
#include <string_view>

namespace attune {

/// Reads a spec. Keys: dtype, q_heads, kv_heads, head_dim, head_dim_v, causal ("none", "bottom_right", "top_left", or a bool: true is
/// bottom_right), window {left, right}, chunk, prefix, mask (list of strings), softcap, alibi (false, true: per head, or "per_batch_head"),
/// sink, scale, layout ("bshd", "bhsd", "strided"), varlen, outputs (["o"] or ["o", "lse"]), deterministic, batch_invariant.
/// kv_heads defaults to q_heads. The result is valid. Throws UserError (Invalid) that names the key, its value, the rule and the remedy;
/// unknown keys are refused with the nearest known one.
AttentionSpec specFromJson(std::string_view text);

/// The canonical form: every key, in a fixed order, one line. Equal specs give equal text.
std::string specToJson(const AttentionSpec& spec);

/// Throws UserError for the first rule that the spec breaks.
void validate(const AttentionSpec& spec);

} // namespace attune
