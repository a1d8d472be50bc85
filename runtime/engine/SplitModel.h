#pragma once

#include "attune/Device.h"
#include "attune/attune.hpp"

#include <cstdint>

namespace attune {

/// The work of one launch, as the split count depends on it. README.md derives the model.
struct SplitWork {
  std::int64_t blocks = 1;      ///< without splitting: row tiles x heads x batch
  std::int64_t kv_tiles = 1;    ///< key tiles that a block folds
  std::int64_t slots = 1;       ///< blocks that the device runs at once
  double combine_per_split = 0; ///< cost of one more chunk in the combine kernel, in units of one key tile of one slot
};

/// The number of chunks with the least predicted time; the smaller of equals. In [1, kv_tiles], and no chunk is empty.
int chooseSplits(const SplitWork& work);

/// How the key tiles of a block are cut: every tile is in a chunk, and every chunk has a tile (the last may have
/// fewer).
struct Chunks {
  int splits = 1;
  std::int64_t split_tiles = 1; ///< key tiles of one chunk
};

/// Cuts `kv_tiles` into at most `splits` chunks; if the spec is batch_invariant, into chunks of a fixed size instead.
Chunks cut(const AttentionSpec& spec, std::int64_t kv_tiles, int splits);

/// Key tiles that a block folds at most, and that chunks are cut from: all keys, or what a window leaves of them.
std::int64_t keyTiles(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule);

/// Of a problem under a schedule.
SplitWork splitWork(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule,
                    const DeviceProperties& device);

/// The choice when the caller fixes the schedule: a schedule that splits needs a count, one that does not must not be
/// given one. Throws UserError if it is.
ScheduleProvider::Choice pinned(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int splits,
                                const DeviceProperties& device);

} // namespace attune
