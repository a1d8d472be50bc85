#pragma once

#include "attune/compiler/Spec.h"

#include <cstdint>
#include <vector>

namespace attune::reference {

/// Which pairs of one sequence are visible: sq * sk bytes, 0 or 1, row by row.
std::vector<std::uint8_t> visiblePairs(const AttentionSpec& spec, int sq, int sk);

} // namespace attune::reference
