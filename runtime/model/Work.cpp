#include "runtime/model/Work.h"

#include "runtime/model/Chunks.h"

#include <algorithm>
#include <limits>

namespace attune::model {

namespace {

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t floorDiv(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
std::int64_t padded(std::int64_t dim, std::int64_t panel) { return ceilDiv(dim, panel) * panel; }

struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return std::max<std::int64_t>(0, end - begin); }
};
Range intersection(Range a, Range b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

/// Keys that causal, window and chunk let query q see. Both ends grow with q.
Range seenBy(const AttentionSpec& spec, std::int64_t q, std::int64_t sq, std::int64_t sk) {
  const std::int64_t p = spec.causal == Causal::TopLeft ? q : q + sk - sq; // attune::alignedPosition
  Range seen{0, sk};
  if (!spec.mask.empty())
    return seen;
  if (spec.causal != Causal::None)
    seen.end = std::min(seen.end, p + 1);
  if (spec.window.left)
    seen.begin = std::max(seen.begin, p - *spec.window.left);
  if (spec.window.right)
    seen.end = std::min(seen.end, p + *spec.window.right + 1);
  if (spec.chunk)
    seen = intersection(seen, {floorDiv(p, *spec.chunk) * *spec.chunk, (floorDiv(p, *spec.chunk) + 1) * *spec.chunk});
  return seen;
}

/// The key tiles of one query tile, in the order of their keys: [begin, end) has a visible pair, of [full.begin,
/// full.end) every pair is.
struct Tiles {
  Range visited, full;
};

Tiles tilesOf(const AttentionSpec& spec, const Problem& problem, int kv_tile, std::int64_t q_first,
              std::int64_t q_last) {
  const std::int64_t sq = problem.q_len, sk = problem.kv_len;
  const Range first = seenBy(spec, q_first, sq, sk), last = seenBy(spec, q_last, sq, sk);
  Range some{first.begin, last.end}, all{last.begin, first.end};
  if (spec.prefix) { // visited up to the prefix, too; the gap between the two is not worth a second range here
    const std::int64_t prefix = std::min(*spec.prefix, sk);
    some = {prefix > 0 ? 0 : some.begin, std::max(some.end, prefix)};
    all = all.begin <= prefix ? Range{0, std::max(all.end, prefix)} : all;
  }
  Tiles tiles;
  if (some.size() > 0)
    tiles.visited = {floorDiv(some.begin, kv_tile), ceilDiv(some.end, kv_tile)};
  if (all.size() > 0)
    tiles.full = {ceilDiv(all.begin, kv_tile), floorDiv(all.end, kv_tile)};
  tiles.full = intersection(tiles.full, tiles.visited);
  return tiles;
}

void addFold(KernelWork& w, const AttentionSpec& spec, const Schedule& s, const Task& t, double blocks) {
  if (s.split_kv && t.key_tiles == 0) { // an empty chunk says so in its LSE, and that is all
    w.write_bytes += 4 * blocks * static_cast<double>(t.rows);
    return;
  }
  const std::int64_t head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::int64_t panel = s.warp_specialized ? 32 : 16; // columns: the narrower TMA box, or a k step
  const auto d = static_cast<double>(padded(spec.head_dim, panel)), dv = static_cast<double>(padded(head_dim_v, panel));
  const double q_tile = s.q_tile, kv_tile = s.kv_tile;
  const double tiles = blocks * static_cast<double>(t.key_tiles), pairs = tiles * q_tile * kv_tile;
  const double rows = blocks * static_cast<double>(t.rows);
  const double keys = blocks * static_cast<double>(t.keys) / s.cluster; // of a cluster each block copies its part
  const double wavefront = 128, element = 2;

  w.tensor_flops += 2 * pairs * (d + dv);
  const double mma = s.warp_specialized ? 0 : pairs * (d + dv) / (16 * 8 * 16);
  w.mma += mma;
  // One exponential per score; one per row and key tile for the rescaling, and a reciprocal and a logarithm at the end,
  // by the four lanes of a row.
  w.sfu_ops += pairs * (spec.softcap > 0 ? 3 : 1) + 4 * q_tile * (tiles + 2 * blocks);
  // Each warp, or warpgroup, reads all of K and V, and its rows of Q again for each key tile.
  const double readers = s.warp_specialized ? s.warps / 4.0 : s.warps;
  const double reads = tiles * (readers * kv_tile * (d + dv) + q_tile * d) * element;
  const double copied = (keys * static_cast<double>(spec.head_dim + head_dim_v) + rows * spec.head_dim) * element;
  const double filled = (tiles * kv_tile * (d + dv) + blocks * q_tile * d) * element; // what is not there becomes zeros
  const double epilogue = s.split_kv ? 0 : (blocks * q_tile + rows) * dv * element;   // O goes through shared memory
  const double ldmatrix = s.warp_specialized ? 0 : reads / (4 * wavefront);
  w.ldmatrix += ldmatrix;
  // Where the mask hides a key that is there, V is looked at: a hidden NaN must not count.
  const bool hides = spec.causal != Causal::None || spec.window.left || spec.window.right || spec.chunk ||
                     spec.prefix || !spec.mask.empty();
  const double checked = hides ? blocks * static_cast<double>(t.masked_tiles) * kv_tile * dv * element : 0;
  w.shared_wavefronts += (reads + filled + epilogue + checked) / wavefront;

  w.read_bytes += copied;
  w.write_bytes += rows * (s.split_kv ? 4.0 * static_cast<double>(head_dim_v) + 4
                                      : element * static_cast<double>(head_dim_v) + (spec.lse ? 4 : 0));

  // fp32 pipe, per score: maximum, scaling, exponential, sum, half a conversion (references of the README); a masked
  // one also compares and selects. Per element of O: the rescaling.
  const double masked = blocks * static_cast<double>(t.masked_tiles) * q_tile * kv_tile;
  const double per_score = 4.5 + (spec.softcap > 0 ? 6 : 0) + (spec.alibi != Alibi::None ? 3 : 0);
  w.instructions += (pairs * per_score + masked * 3 + tiles * q_tile * dv) / 32;
  w.instructions += mma + ldmatrix + (s.warp_specialized ? 0 : 2 * copied / (32 * 16)); // TMA issues nothing
}

} // namespace

Work workOf(const AttentionSpec& spec, const Problem& problem, const Candidate& candidate) {
  const Schedule& s = candidate.schedule;
  const std::int64_t group = spec.q_heads / spec.kv_heads, per_row = s.pack_gqa ? group : 1;
  const std::int64_t sequences = spec.varlen && problem.q_len > 0
                                     ? std::clamp<std::int64_t>(problem.q_total / problem.q_len, 1, problem.batch)
                                     : problem.batch;
  const std::int64_t head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::int64_t rows = problem.q_len * per_row;
  const Chunks chunks = s.split_kv ? cut(spec, keyTiles(spec, problem, s), candidate.splits)
                                   : Chunks{1, std::numeric_limits<std::int64_t>::max() / 2};
  Work work;
  work.heads = sequences * (s.pack_gqa ? spec.kv_heads : spec.q_heads);
  const std::int64_t of_cluster = std::int64_t{s.q_tile} * s.cluster; // rows whose blocks visit the same key tiles
  for (std::int64_t begin = 0; begin < ceilDiv(rows, of_cluster) * of_cluster; begin += s.q_tile) {
    const std::int64_t here = std::clamp<std::int64_t>(rows - begin, 0, s.q_tile);
    const std::int64_t top = begin / of_cluster * of_cluster, bottom = std::min(top + of_cluster, rows) - 1;
    const Tiles tiles = tilesOf(spec, problem, s.kv_tile, top / per_row, bottom / per_row);
    for (int chunk = 0; chunk < chunks.splits; ++chunk) {
      const Range part = intersection(tiles.visited, {tiles.visited.begin + chunk * chunks.split_tiles,
                                                      tiles.visited.begin + (chunk + 1) * chunks.split_tiles});
      const Range keys = intersection({part.begin * s.kv_tile, part.end * s.kv_tile}, {0, problem.kv_len});
      const Task task{part.size(), part.size() - intersection(part, tiles.full).size(), part.size() ? keys.size() : 0,
                      here, 1};
      Task* last = work.tasks.empty() ? nullptr : &work.tasks.back();
      if (last && last->key_tiles == task.key_tiles && last->masked_tiles == task.masked_tiles &&
          last->keys == task.keys && last->rows == task.rows)
        ++last->blocks;
      else
        work.tasks.push_back(task);
    }
  }
  for (const Task& task : work.tasks) {
    const double blocks = static_cast<double>(task.blocks * work.heads);
    work.blocks += task.blocks * work.heads;
    addFold(work.fold, spec, s, task, blocks);
  }
  const double q_rows = static_cast<double>(sequences * problem.q_len * spec.q_heads);
  if (s.split_kv) { // a warp per row: each lane reads all LSEs twice, and O of the chunks that are not empty
    work.combine.read_bytes = q_rows * chunks.splits * 4.0 * 64;
    for (const Task& task : work.tasks)
      if (task.key_tiles > 0)
        work.combine.read_bytes += static_cast<double>(task.rows * task.blocks * work.heads * head_dim_v) * 4;
    work.combine.write_bytes = q_rows * (2.0 * static_cast<double>(head_dim_v) + (spec.lse ? 4 : 0));
  }
  work.unique_bytes = 2 * (q_rows * spec.head_dim + static_cast<double>(sequences * problem.kv_len * spec.kv_heads *
                                                                        (spec.head_dim + head_dim_v)));
  return work;
}

} // namespace attune::model
