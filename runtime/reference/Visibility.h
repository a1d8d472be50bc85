#pragma once

#include "attune/compiler/Spec.h"

#include <cstdint>
#include <vector>

namespace attune::reference {

/// The position of query i against the keys, which causal, window, chunk and ALiBi are about.
std::int64_t alignedPosition(const AttentionSpec& spec, std::int64_t query, std::int64_t sq, std::int64_t sk);

/// Which pairs of one sequence are visible: sq * sk bytes, 0 or 1, row by row.
std::vector<std::uint8_t> visiblePairs(const AttentionSpec& spec, int sq, int sk);

} // namespace attune::reference
