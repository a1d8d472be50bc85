#include "autotune/cli/KeyTiles.h"

#include "runtime/model/Chunks.h"
#include "runtime/reference/Visibility.h"

#include <algorithm>

#include <fmt/format.h>

namespace attune::cli {

std::optional<KeyTiles> keyTilesOf(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule) {
  constexpr std::int64_t most_pairs = std::int64_t{1} << 26; // a byte each, and a look at each
  if (problem.q_len * problem.kv_len > most_pairs)
    return std::nullopt;
  const int group = schedule.pack_gqa ? spec.q_heads / spec.kv_heads : 1;
  const auto sq = static_cast<int>(problem.q_len), sk = static_cast<int>(problem.kv_len);
  const auto visible = reference::visiblePairs(spec, sq, sk);
  KeyTiles tiles;
  for (int row = 0; row < sq * group; row += schedule.q_tile)
    for (int key = 0; key < sk; key += schedule.kv_tile) {
      const int q_end = std::min(sq, (row + schedule.q_tile - 1) / group + 1),
                k_end = std::min(sk, key + schedule.kv_tile);
      std::int64_t seen = 0, pairs = 0;
      for (int q = row / group; q < q_end; ++q)
        for (int k = key; k < k_end; ++k, ++pairs)
          seen += visible[static_cast<std::size_t>(q) * sk + k];
      ++(seen == 0 ? tiles.empty : seen == pairs && k_end == key + schedule.kv_tile ? tiles.full : tiles.partial);
    }
  return tiles;
}

std::string chunksNote(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int asked,
                       int got) {
  if (asked == 0 || asked == got)
    return {};
  if (got == 1)
    return fmt::format("--splits {}: 1 chunk, for there is only 1 key tile to split", asked);
  const model::Chunks chunks = model::cut(spec, problem, schedule, asked);
  return fmt::format("--splits {}: {} chunks of {} key tiles, for there are {} tiles, and all chunks but the last have "
                     "as many",
                     asked, got, chunks.split_tiles, model::keyTiles(spec, problem, schedule));
}

} // namespace attune::cli
