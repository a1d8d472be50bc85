#pragma once

#include "attune/attune.hpp"
#include "attune/compiler/Manifest.h"

#include <cstdint>

namespace attune {

/// What a kernel is launched with for `queries` per sequence: a block beyond the last of them would have no bounds to
/// keep to. Throws UserError for a grid that is too large.
LaunchConfig configure(const Manifest& m, const AttentionSpec& spec, const Problem& p, std::int64_t queries, int splits,
                       const Device& device);

} // namespace attune
