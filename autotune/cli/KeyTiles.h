#pragma once

#include "attune/attune.hpp"

#include <cstdint>
#include <optional>

namespace attune::cli {

/// Key tiles of one head of one sequence, by what the mask does to them.
struct KeyTiles {
  std::int64_t empty = 0, partial = 0, full = 0;
};

/// Counted pair by pair, not by the compiler. Nothing if there are more than 2^26 pairs.
std::optional<KeyTiles> keyTilesOf(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule);

} // namespace attune::cli
