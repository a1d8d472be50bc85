#include "runtime/model/Resources.h"
#include "runtime/schedules/Space.h"

#include "attune/compiler/DefaultSchedule.h"

#include <algorithm>

#include <fmt/format.h>

namespace attune::schedules {

namespace {

using Broken = std::optional<std::string>;

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

int group(const AttentionSpec& spec) { return spec.q_heads / spec.kv_heads; }

std::int64_t rows(const Subject& s, const Schedule& schedule) {
  return s.problem.q_len * (schedule.pack_gqa ? group(s.spec) : 1);
}

std::int64_t keyTiles(const Subject& s, const Schedule& schedule) {
  return model::keyTiles(s.spec, s.problem, schedule);
}

Broken brokenFragments(const Subject&, const Schedule& s) {
  if (s.q_tile % (16 * s.warps) == 0)
    return {};
  return fmt::format("{} rows for {} warps", s.q_tile, s.warps);
}

Broken brokenWgmma(const Subject& subject, const Schedule& s) {
  if (!s.warp_specialized || subject.target.wgmma)
    return {};
  return subject.target.name + " has neither";
}

Broken brokenWarpgroups(const Subject&, const Schedule& s) {
  if (!s.warp_specialized || (s.warps % 4 == 0 && s.warps <= 12 && s.q_tile == 16 * s.warps))
    return {};
  return fmt::format("{} warps for {} rows", s.warps, s.q_tile);
}

Broken brokenTurns(const Subject&, const Schedule& s) {
  if (!s.ping_pong || s.warps >= 8)
    return {};
  return fmt::format("{} warps", s.warps);
}

Broken brokenRings(const Subject&, const Schedule& s) {
  if (!s.warp_specialized || s.stages >= 2)
    return {};
  return fmt::format("{} stage", s.stages);
}

Broken brokenEightBits(const Subject& subject, const Schedule& s) {
  if (subject.spec.dtype != DType::E4M3 || (s.warp_specialized && s.kv_tile % 32 == 0))
    return {};
  return s.warp_specialized ? fmt::format("{} keys", s.kv_tile) : "no roles";
}

Broken brokenCluster(const Subject& subject, const Schedule& s) {
  const bool bytes = subject.spec.dtype == DType::E4M3;
  if (s.cluster == 1 || (s.warp_specialized && !s.split_kv && !s.persistent && !bytes))
    return {};
  return fmt::format("{} blocks {}", s.cluster,
                     !s.warp_specialized ? "without roles"
                     : s.split_kv        ? "with split_kv"
                     : s.persistent      ? "in a persistent grid"
                                         : "with 8-bit V, which each transposes for itself");
}

Broken brokenPersistent(const Subject&, const Schedule& s) {
  if (!s.persistent || (s.warp_specialized && !s.split_kv))
    return {};
  return s.split_kv ? "with split_kv" : "without roles";
}

Broken brokenShared(const Subject& subject, const Schedule& s) {
  const std::int64_t bytes = sharedBytes(subject.spec, s);
  if (bytes <= subject.target.shared_per_block)
    return {};
  return fmt::format("{} KiB of {} KiB", ceilDiv(bytes, 1024), subject.target.shared_per_block / 1024);
}

Broken brokenRegisters(const Subject& subject, const Schedule& s) {
  const Resources r = resourcesOf(subject.spec, s, subject.target);
  if (r.register_floor <= r.register_limit)
    return {};
  return fmt::format("at least {} of {}", r.register_floor, r.register_limit);
}

Broken brokenGroup(const Subject& subject, const Schedule& s) {
  if (!s.pack_gqa || group(subject.spec) > 1)
    return {};
  return fmt::format("{} q heads on {} kv heads", subject.spec.q_heads, subject.spec.kv_heads);
}

Broken brokenInvariance(const Subject& subject, const Schedule& s) {
  if (!subject.spec.batch_invariant)
    return {};
  const Schedule fixed = defaultSchedule(subject.spec, subject.target, 1, true);
  if (attune::toText(s) == attune::toText(fixed))
    return {};
  return "it is " + attune::toText(fixed);
}

Broken brokenPacking(const Subject& subject, const Schedule& s) {
  constexpr std::int64_t many = 64;
  if (!s.pack_gqa || subject.problem.q_len <= many)
    return {};
  return fmt::format("{} queries fill tiles on their own", subject.problem.q_len);
}

Broken brokenNoPacking(const Subject& subject, const Schedule& s) {
  if (s.pack_gqa || group(subject.spec) == 1 || subject.problem.q_len > 8)
    return {};
  return fmt::format("{} queries, and {} heads read the same keys", subject.problem.q_len, group(subject.spec));
}

Broken brokenRows(const Subject& subject, const Schedule& s) {
  // Half a tile of padding is what the next smaller one saves; below 64 rows a tile is as small as its warps allow.
  const std::int64_t needed = std::max<std::int64_t>(rows(subject, s), 1);
  if (s.q_tile <= std::max<std::int64_t>(64, 2 * ceilDiv(needed, 16) * 16 - 1))
    return {};
  return fmt::format("{} rows in a tile of {}", needed, s.q_tile);
}

Broken brokenPair(const Subject& subject, const Schedule& s) {
  if (s.cluster == 1 || rows(subject, s) > s.q_tile)
    return {};
  return fmt::format("{} rows in tiles of {}", rows(subject, s), s.q_tile);
}

Broken brokenKeys(const Subject& subject, const Schedule& s) {
  const std::int64_t step = subject.spec.dtype == DType::E4M3 ? 32 : 16;
  const std::int64_t needed = std::max(step, ceilDiv(subject.problem.kv_len, step) * step);
  if (s.kv_tile <= needed)
    return {};
  return fmt::format("{} keys in a tile of {}", subject.problem.kv_len, s.kv_tile);
}

Broken brokenStages(const Subject& subject, const Schedule& s) {
  const std::int64_t tiles = keyTiles(subject, s);
  if (s.stages <= std::max<std::int64_t>(tiles, s.warp_specialized ? 2 : 1))
    return {};
  return fmt::format("{} stages for {} key tiles", s.stages, tiles);
}

Broken brokenDepth(const Subject&, const Schedule& s) {
  if (s.warp_specialized || s.stages <= 4)
    return {};
  return fmt::format("{} stages", s.stages);
}

Broken brokenSplit(const Subject& subject, const Schedule& s) {
  if (!s.split_kv || subject.spec.batch_invariant || keyTiles(subject, s) > 1)
    return {};
  return "one key tile";
}

} // namespace

// Roles build on one another: a producer, then products beside softmax, then warpgroups that take turns.
enum Roles { None, WarpSpecialized, Overlap, PingPong };

const std::vector<Axis>& axes() {
  static const std::vector<Axis> all = {
      {"q_tile",
       {16, 32, 64, 128, 192, 256},
       [](Schedule& s, int v) { s.q_tile = v; },
       [](const Schedule& s) -> int { return s.q_tile; }},
      {"kv_tile",
       {16, 32, 48, 64, 80, 96, 112, 128, 160, 176, 192},
       [](Schedule& s, int v) { s.kv_tile = v; },
       [](const Schedule& s) -> int { return s.kv_tile; }},
      {"warps",
       {1, 2, 4, 8, 12},
       [](Schedule& s, int v) { s.warps = v; },
       [](const Schedule& s) -> int { return s.warps; }},
      {"stages",
       {1, 2, 3, 4, 6, 8},
       [](Schedule& s, int v) { s.stages = v; },
       [](const Schedule& s) -> int { return s.stages; }},
      {"pack_gqa",
       {0, 1},
       [](Schedule& s, int v) { s.pack_gqa = v != 0; },
       [](const Schedule& s) -> int { return s.pack_gqa; }},
      {"split_kv",
       {0, 1},
       [](Schedule& s, int v) { s.split_kv = v != 0; },
       [](const Schedule& s) -> int { return s.split_kv; }},
      {"roles",
       {None, WarpSpecialized, Overlap, PingPong},
       [](Schedule& s, int v) {
         s.warp_specialized = v >= WarpSpecialized, s.overlap = v >= Overlap, s.ping_pong = v >= PingPong;
       },
       [](const Schedule& s) -> int { return int{s.warp_specialized} + int{s.overlap} + int{s.ping_pong}; }},
      {"persistent",
       {0, 1},
       [](Schedule& s, int v) { s.persistent = v != 0; },
       [](const Schedule& s) -> int { return s.persistent; }},
      {"cluster",
       {1, 2},
       [](Schedule& s, int v) { s.cluster = v; },
       [](const Schedule& s) -> int { return s.cluster; }},
  };
  return all;
}

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = {
      {"whole-fragments", "a warp owns a multiple of the 16 rows of a matrix fragment", false, brokenFragments},
      {"needs-wgmma", "roles are for targets with warpgroup products and TMA", false, brokenWgmma},
      {"warpgroups", "one to three warpgroups compute, with 16 rows for each warp", false, brokenWarpgroups},
      {"turns", "ping-pong takes two warpgroups", false, brokenTurns},
      {"rings", "a producer runs ahead of those who compute, in rings of two stages or more", false, brokenRings},
      {"eight-bits", "products of 8-bit elements are wgmma's, and take 32 keys at a time", false, brokenEightBits},
      {"pack-needs-group", "packing puts the q heads of one kv head into a tile, and there is one", false, brokenGroup},
      {"batch-invariant", "a row's bits may depend on the spec alone, so the spec alone fixes the schedule", false,
       brokenInvariance},
      {"persistent", "blocks stay where a producer runs ahead into their next piece; chunks are short", false,
       brokenPersistent},
      {"clusters",
       "blocks share K and V by TMA: with roles, and where neighbours have the same keys and one piece each", false,
       brokenCluster},
      {"shared-memory", "Q and the rings of K and V must fit the block's shared memory", false, brokenShared},
      {"registers", "accumulators that do not fit the registers spill in every iteration", false, brokenRegisters},
      {"many-queries", "packing pays while K and V are read for few rows", true, brokenPacking},
      {"few-queries", "without packing each head of a group reads the same K and V again", true, brokenNoPacking},
      {"idle-rows", "most rows of the tile would be padding", true, brokenRows},
      {"idle-blocks", "a cluster's second block would have no rows", true, brokenPair},
      {"idle-keys", "keys of the tile would never be there", true, brokenKeys},
      {"idle-stages", "a ring deeper than the key tiles of a block is never full", true, brokenStages},
      {"deep-ring", "four key tiles under way cover the latency of memory; more take the room of other blocks", true,
       brokenDepth},
      {"nothing-to-split", "one key tile makes one chunk, and the combine kernel would copy it", true, brokenSplit},
  };
  return all;
}

} // namespace attune::schedules
