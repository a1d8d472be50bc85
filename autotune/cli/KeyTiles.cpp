#include "autotune/cli/KeyTiles.h"

#include "runtime/reference/Visibility.h"

#include <algorithm>

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

} // namespace attune::cli
