#pragma once

#include "attune/compiler/Spec.h"

#include <string>
#include <string_view>
#include <vector>

namespace [[gnu::visibility("default")]] attune {

/// A key of a spec in JSON, for people: `attune spec` prints them.
struct SpecKey {
  std::string name;
  std::string values; ///< "\"bf16\", \"fp16\"", "integer", ...
  std::string meaning;
};
/// All there are: the reader refuses any other.
std::vector<SpecKey> specKeys();

/// Reads a spec: the keys of specKeys(). Required are q_heads and head_dim. The others default as in AttentionSpec, and
/// kv_heads to q_heads, head_dim_v to head_dim.
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
