#pragma once

#include "attune/attune.hpp"

namespace attune {

/// What prepare() refuses, beside what validate() does. Throws UserError: value, rule, remedy.
void check(const AttentionSpec& spec, const Problem& problem, const PrepareOptions& options);

} // namespace attune
