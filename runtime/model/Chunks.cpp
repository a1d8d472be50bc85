#include "runtime/model/Chunks.h"

#include <algorithm>

namespace attune::model {

namespace {

// batch_invariant: chunks of this many keys, whatever the batch.
constexpr std::int64_t invariant_chunk = 2048;

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

} // namespace

std::int64_t keyTiles(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule) {
  const std::int64_t group = spec.q_heads / spec.kv_heads;
  const std::int64_t all = ceilDiv(problem.kv_len, schedule.kv_tile);
  const std::int64_t queries =
      std::min<std::int64_t>(problem.q_len, schedule.pack_gqa ? ceilDiv(schedule.q_tile, group) + 1
                                                              : schedule.q_tile); // a tile may begin inside a query
  // A window or a chunk bounds the keys that a tile of rows sees.
  std::int64_t seen = problem.kv_len;
  if (spec.window.left && (spec.window.right || spec.causal != Causal::None))
    seen = std::min(seen, *spec.window.left + (spec.causal != Causal::None ? 0 : *spec.window.right) + queries);
  if (spec.chunk) // from the first one's first key to the last query's or, if nothing is causal, its chunk's last
    seen = std::min(seen, *spec.chunk + queries + (spec.causal != Causal::None ? 0 : *spec.chunk));
  std::int64_t tiles = all;
  if (seen < problem.kv_len) {
    tiles = ceilDiv(seen + schedule.kv_tile, schedule.kv_tile); // they may begin anywhere in a key tile
    if (spec.prefix)                                            // and its tiles, for what lies between is skipped
      tiles = std::max<std::int64_t>(tiles, 0) + ceilDiv(*spec.prefix, schedule.kv_tile);
  }
  return std::clamp<std::int64_t>(tiles, 1, std::max<std::int64_t>(all, 1));
}

Chunks cut(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int splits) {
  const std::int64_t all = keyTiles(spec, problem, schedule);
  const std::int64_t tiles = spec.batch_invariant ? std::max<std::int64_t>(invariant_chunk / schedule.kv_tile, 1)
                                                  : ceilDiv(all, std::max(splits, 1));
  return {static_cast<int>(ceilDiv(all, tiles)), tiles};
}

std::vector<int> splitCounts(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule) {
  if (!schedule.split_kv)
    return {1};
  if (spec.batch_invariant)
    return {cut(spec, problem, schedule, 1).splits};
  constexpr std::int64_t most = 256;
  std::vector<int> counts;
  for (int n = 1; n <= std::min(keyTiles(spec, problem, schedule), most); ++n)
    if (cut(spec, problem, schedule, n).splits == n)
      counts.push_back(n);
  return counts;
}

} // namespace attune::model
