#pragma once

#include "attune/attune.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace attune::cli {

/// Key tiles of one head of one sequence, by what the mask does to them.
struct KeyTiles {
  std::int64_t empty = 0, partial = 0, full = 0;
};

/// Counted pair by pair, not by the compiler. Nothing if there are more than 2^26 pairs.
std::optional<KeyTiles> keyTilesOf(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule);

/// Why there are not as many chunks of the keys as were asked for; empty if there are, or none were asked for.
/// `schedule`: the one that was chosen.
std::string chunksNote(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int asked, int got);

} // namespace attune::cli
