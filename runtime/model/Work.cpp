#include "runtime/model/Work.h"

#include "runtime/model/Chunks.h"

#include <algorithm>
#include <array>
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

/// Two ranges in ascending order that do not touch; either may be empty. A prefix and a window leave a gap between
/// them.
using Ranges = std::array<Range, 2>;

Ranges unionOf(Range a, Range b) {
  if (a.size() == 0 || b.size() == 0)
    return {a.size() == 0 ? b : a, Range{}};
  if (b.begin <= a.end)
    return {Range{std::min(a.begin, b.begin), std::max(a.end, b.end)}, Range{}};
  return {a, b};
}

/// Elements [begin, end) of the ranges, counted without what lies between them.
Ranges part(const Ranges& of, std::int64_t begin, std::int64_t end) {
  const std::int64_t first = of[0].size();
  return {intersection(of[0], {of[0].begin + begin, of[0].begin + end}),
          intersection(of[1], {of[1].begin + begin - first, of[1].begin + end - first})};
}

std::int64_t sizeOf(const Ranges& r) { return r[0].size() + r[1].size(); }
std::int64_t common(const Ranges& a, const Ranges& b) {
  std::int64_t size = 0;
  for (const Range& x : a)
    for (const Range& y : b)
      size += intersection(x, y).size();
  return size;
}

/// The key tiles of one query tile: those with a visible pair, and those of which every pair is visible.
struct Tiles {
  Ranges visited, full;
};

Tiles tilesOf(const AttentionSpec& spec, const Problem& problem, int kv_tile, std::int64_t q_first,
              std::int64_t q_last) {
  const std::int64_t sq = problem.q_len, sk = problem.kv_len;
  const Range first = seenBy(spec, q_first, sq, sk), last = seenBy(spec, q_last, sq, sk);
  const Range prefix{0, std::min(spec.prefix.value_or(0), sk)};
  const Range some{first.begin, last.end};
  const auto touched = [&](Range keys) { // by its tiles; an empty range touches none
    return keys.size() ? Range{floorDiv(keys.begin, kv_tile), ceilDiv(keys.end, kv_tile)} : Range{};
  };
  Tiles tiles{unionOf(touched(prefix), touched(some)), {}};
  const Ranges all = unionOf(prefix, {last.begin, first.end}); // keys that every query of the tile sees
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].size())
      tiles.full[i] = {ceilDiv(all[i].begin, kv_tile), floorDiv(all[i].end, kv_tile)};
  return tiles;
}

constexpr double wavefront = 128;     // bytes of shared memory
constexpr double out_element = 2;     // bytes: O is 16 bits wide also where Q, K and V are 8
constexpr double partial_element = 4; // bytes: chunks' O and LSE are fp32

std::int64_t valueDim(const AttentionSpec& spec) { return spec.head_dim_v ? spec.head_dim_v : spec.head_dim; }
double elementBytes(const AttentionSpec& spec) { return spec.dtype == DType::E4M3 ? 1 : 2; }

/// Whether the mask hides keys that are there. V is then looked at where it does: a hidden NaN must not count.
bool hidesKeys(const AttentionSpec& spec) {
  return spec.causal != Causal::None || spec.window.left || spec.window.right || spec.chunk || spec.prefix ||
         !spec.mask.empty();
}

/// All blocks of a task together, in elements.
struct Extent {
  double blocks, rows, keys, tiles, masked_tiles;
  double q_tile, kv_tile;
  double d, dv; ///< head dims as tiles have them, padded
  double pairs() const { return tiles * q_tile * kv_tile; }
};

Extent extentOf(const AttentionSpec& spec, const Schedule& s, const Task& t, double blocks) {
  const std::int64_t panel = s.warp_specialized ? 32 : 16; // columns: the narrower TMA box, or a k step
  return {.blocks = blocks,
          .rows = blocks * static_cast<double>(t.rows),
          .keys = blocks * static_cast<double>(t.keys) / s.cluster, // of a cluster each block copies its part
          .tiles = blocks * static_cast<double>(t.key_tiles),
          .masked_tiles = blocks * static_cast<double>(t.masked_tiles),
          .q_tile = static_cast<double>(s.q_tile),
          .kv_tile = static_cast<double>(s.kv_tile),
          .d = static_cast<double>(padded(spec.head_dim, panel)),
          .dv = static_cast<double>(padded(valueDim(spec), panel))};
}

/// Bytes that matrix products read from shared memory: each warp, or warpgroup, all of K and V, and its rows of Q again
/// for each key tile.
double operandBytes(const AttentionSpec& spec, const Schedule& s, const Extent& e) {
  const double readers = s.warp_specialized ? s.warps / 4.0 : s.warps;
  return e.tiles * (readers * e.kv_tile * (e.d + e.dv) + e.q_tile * e.d) * elementBytes(spec);
}

/// Passes through shared memory.
double wavefronts(const AttentionSpec& spec, const Schedule& s, const Extent& e) {
  const double element = elementBytes(spec);
  // What is not there becomes zeros.
  const double filled = (e.tiles * e.kv_tile * (e.d + e.dv) + e.blocks * e.q_tile * e.d) * element;
  // O is written there, and read: by TMA with the rows that are not there.
  const bool o_by_tma = s.warp_specialized && !s.pack_gqa && !spec.varlen;
  const double epilogue = s.split_kv ? 0 : (e.blocks * e.q_tile + (o_by_tma ? e.blocks * e.q_tile : e.rows)) * e.dv;
  // 8-bit V is read and written once more, for its transposition, which is when it is looked at.
  const double values = e.kv_tile * e.dv * element;
  const double again = spec.dtype == DType::E4M3 ? 2 * e.tiles * values : hidesKeys(spec) ? e.masked_tiles * values : 0;
  // The flag of values that are not finite: cleared once, and asked for by each warp.
  const double flag = s.warp_specialized && hidesKeys(spec) ? e.blocks * (1 + s.warps) : 0;
  return (operandBytes(spec, s, e) + filled + epilogue * out_element + again) / wavefront + flag;
}

/// Loads of four 8x8 matrices: of operands for mma.sync, and of 8-bit V on its way to its transposition.
double ldmatrices(const AttentionSpec& spec, const Schedule& s, const Extent& e) {
  if (!s.warp_specialized)
    return operandBytes(spec, s, e) / (4 * wavefront);
  return spec.dtype == DType::E4M3 ? e.tiles * e.kv_tile * e.dv / (4 * wavefront) : 0;
}

/// mma.sync of m16n8k16.
double mmas(const Schedule& s, const Extent& e) {
  return s.warp_specialized ? 0 : e.pairs() * (e.d + e.dv) / (16 * 8 * 16);
}

/// Warp instructions, each an issue slot.
double issued(const AttentionSpec& spec, const Schedule& s, const Extent& e, double copied) {
  // Per score: maximum, scaling, exponential, sum, half a conversion. Of a masked tile also a comparison, a selection,
  // and some of the addition of positions: 2.2, as ptxas 13.0 makes it (templates/arch/sm90/README.md: 607 - 468 for 64
  // scores of a thread). Softcap (tanh of two special functions) and ALiBi: the operations of
  // their formulas.
  constexpr double of_score = 4.5, of_masked = 2.2, of_softcap = 6, of_alibi = 3;
  const double scores =
      e.pairs() * (of_score + (spec.softcap > 0 ? of_softcap : 0) + (spec.alibi != Alibi::None ? of_alibi : 0)) +
      e.masked_tiles * e.q_tile * e.kv_tile * of_masked;
  const double rescaling = e.tiles * e.q_tile * e.dv; // per element of O
  double all = (scores + rescaling) / 32;
  // What each warp does once per key tile whatever its size: descriptors, barriers, row statistics, the loop. With
  // roles 116 and 127 in the same table (468 and 587, less 64 and 88 scores and 64 elements of O); without, 70 to 87 in
  // what ptxas 13.0 makes of tiles of 32 and 64 keys at head dims 64 and 128, counted with nvdisasm in the same way.
  constexpr double of_tile_roles = 122, of_tile = 78;
  all += e.tiles * s.warps * (s.warp_specialized ? of_tile_roles : of_tile);
  all += mmas(s, e) + ldmatrices(spec, s, e);
  if (spec.dtype == DType::E4M3) // beside each load of V a store and 8 permutations (templates/tile/transpose.cuh)
    all += 9 * ldmatrices(spec, s, e);
  if (!s.warp_specialized) // cp.async of 16 bytes per lane, and its address; TMA issues nothing to speak of
    all += 2 * copied / (16 * 32);
  return all;
}

void addFold(KernelWork& w, const AttentionSpec& spec, const Schedule& s, const Task& t, double blocks) {
  const Extent e = extentOf(spec, s, t, blocks);
  if (s.split_kv && t.key_tiles == 0) { // an empty chunk says so in its LSE, and that is all
    w.write_bytes += partial_element * e.rows;
    return;
  }
  const double head_dim_v = static_cast<double>(valueDim(spec));
  w.tensor_flops += 2 * e.pairs() * (e.d + e.dv);
  // One exponential per score; by the four lanes of a row, one per key tile for the rescaling, and at the end a
  // reciprocal and, if somebody asks for the LSE, a logarithm.
  const double at_end = s.split_kv || spec.lse ? 2 : 1;
  w.sfu_ops += e.pairs() * (spec.softcap > 0 ? 3 : 1) + 4 * e.q_tile * (e.tiles + at_end * e.blocks);
  const double copied = (e.keys * (spec.head_dim + head_dim_v) + e.rows * spec.head_dim) * elementBytes(spec);
  w.read_bytes += copied;
  if (spec.dtype == DType::E4M3) { // three descales, each by all threads that compute; of one piece the producer's too
    constexpr double descale = 4, producer = 128;
    w.read_bytes += e.blocks * descale * (3 * 32.0 * s.warps + (s.persistent ? 0 : 2 * producer));
  }
  w.write_bytes +=
      e.rows * (s.split_kv ? partial_element * (head_dim_v + 1) : out_element * head_dim_v + (spec.lse ? 4 : 0));
  w.shared_wavefronts += wavefronts(spec, s, e);
  w.instructions += issued(spec, s, e, copied);
  w.mma += mmas(s, e);
  w.ldmatrix += ldmatrices(spec, s, e);
}

} // namespace

Work workOf(const AttentionSpec& spec, const Problem& problem, const Candidate& candidate) {
  const Schedule& s = candidate.schedule;
  const std::int64_t group = spec.q_heads / spec.kv_heads, per_row = s.pack_gqa ? group : 1;
  const std::int64_t sequences = spec.varlen && problem.q_len > 0
                                     ? std::clamp<std::int64_t>(problem.q_total / problem.q_len, 1, problem.batch)
                                     : problem.batch;
  const std::int64_t head_dim_v = valueDim(spec);
  const std::int64_t rows = problem.q_len * per_row;
  const Chunks chunks =
      s.split_kv ? cut(spec, problem, s, candidate.splits) : Chunks{1, std::numeric_limits<std::int64_t>::max() / 2};
  Work work;
  work.heads = sequences * (s.pack_gqa ? spec.kv_heads : spec.q_heads);
  const std::int64_t of_cluster = std::int64_t{s.q_tile} * s.cluster; // rows whose blocks visit the same key tiles
  for (std::int64_t begin = 0; begin < ceilDiv(rows, of_cluster) * of_cluster; begin += s.q_tile) {
    const std::int64_t here = std::clamp<std::int64_t>(rows - begin, 0, s.q_tile);
    const std::int64_t top = begin / of_cluster * of_cluster, bottom = std::min(top + of_cluster, rows) - 1;
    const Tiles tiles = tilesOf(spec, problem, s.kv_tile, top / per_row, bottom / per_row);
    for (int chunk = 0; chunk < chunks.splits; ++chunk) {
      const Ranges mine = part(tiles.visited, chunk * chunks.split_tiles, (chunk + 1) * chunks.split_tiles);
      std::int64_t keys = 0;
      for (const Range& r : mine)
        keys += r.size() ? intersection({r.begin * s.kv_tile, r.end * s.kv_tile}, {0, problem.kv_len}).size() : 0;
      Task task{sizeOf(mine), sizeOf(mine) - common(mine, tiles.full), keys, here, 1};
      if (s.warp_specialized && !s.split_kv &&
          task.key_tiles == 0) // the first tile goes through the rings all the same
        task.key_tiles = task.masked_tiles = 1, task.keys = std::min<std::int64_t>(s.kv_tile, problem.kv_len);
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
  const double keys = static_cast<double>(sequences * problem.kv_len * spec.kv_heads);
  work.unique_bytes =
      elementBytes(spec) * (q_rows * spec.head_dim + keys * static_cast<double>(spec.head_dim + head_dim_v));
  return work;
}

} // namespace attune::model
