#pragma once

#include "attune/attune.hpp"

#include <cstdint>
#include <vector>

namespace attune::model {

/// How the key tiles of a block are cut: every tile is in a chunk, and every chunk has a tile (the last may have
/// fewer).
struct Chunks {
  int splits = 1;
  std::int64_t split_tiles = 1; ///< key tiles of one chunk
};

/// Key tiles that a block folds at most, and that chunks are cut from: all keys, or what a window leaves of them.
std::int64_t keyTiles(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule);

/// Cuts them into at most `splits` chunks; if the spec is batch_invariant, into chunks of 2048 keys instead, as nearly
/// as tiles allow.
Chunks cut(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int splits);

/// Chunk counts of a problem under a schedule: those where no chunk is empty, ascending. {1} if it does not split.
std::vector<int> splitCounts(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule);

} // namespace attune::model
