#include "runtime/engine/Grid.h"

#include "attune/compiler/Error.h"
#include "compiler/spec/Refuse.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace attune {

namespace {

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

} // namespace

LaunchConfig configure(const Manifest& m, const AttentionSpec& spec, const Problem& p, std::int64_t queries, int splits,
                       const Device& device) {
  const std::int64_t rows = queries * (m.pack_gqa ? spec.q_heads / spec.kv_heads : 1);
  const auto term = [&](GridTerm t) -> std::int64_t {
    switch (t) {
    case GridTerm::QTiles: // whole clusters: a block of the last may have no rows
      return ceilDiv(rows, std::int64_t{m.q_tile} * m.cluster) * m.cluster;
    case GridTerm::Splits:
      return splits;
    case GridTerm::QHeads:
      return spec.q_heads;
    case GridTerm::KvHeads:
      return spec.kv_heads;
    case GridTerm::Batch:
      return p.batch;
    case GridTerm::QRowBlocks:
      return ceilDiv(queries, m.threads / 32); // a warp per row
    }
    return 1;
  };
  std::int64_t grid[3] = {1, 1, 1};
  for (int axis = 0; axis < 3; ++axis)
    for (const GridTerm t : m.grid[axis])
      grid[axis] *= term(t);
  if (grid[0] > std::numeric_limits<std::int32_t>::max())
    unsupported(fmt::format("q_len {} with {} splits", queries, splits), "a grid has at most 2^31 - 1 blocks in x",
                "launch parts of the queries");
  if (m.persistent) // one block each, however many pieces there are
    grid[0] = std::min<std::int64_t>(grid[0], device.properties().multiprocessors);
  const auto narrow = [](std::int64_t n) { return static_cast<unsigned>(n); };
  return {.grid = {narrow(grid[0]), narrow(grid[1]), narrow(grid[2])},
          .block = {narrow(m.threads), 1, 1},
          .dynamic_shared = static_cast<std::size_t>(m.shared_bytes),
          .cluster = {narrow(m.cluster), 1, 1},
          .overlaps_predecessor = m.starts_early};
}

} // namespace attune
