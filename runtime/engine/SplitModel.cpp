#include "runtime/engine/SplitModel.h"

#include "attune/compiler/DefaultSchedule.h"

#include <algorithm>
#include <limits>
#include <string>

namespace attune {

namespace {

// Fixed costs in units of one key tile: a block's prologue and epilogue, and the launch of the combine kernel.
constexpr double block_overhead = 2;
constexpr double combine_launch = 3;
constexpr double combine_latency =
    0.25; // one more trip to L2 per chunk, against the time that a block takes for a key tile

// batch_invariant: chunks of this many key tiles, whatever the batch.
constexpr std::int64_t invariant_split_tiles = 32;

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

} // namespace

Chunks cut(const AttentionSpec& spec, std::int64_t kv_tiles, int splits) {
  const std::int64_t tiles = spec.batch_invariant ? invariant_split_tiles : ceilDiv(kv_tiles, std::max(splits, 1));
  return {static_cast<int>(ceilDiv(kv_tiles, tiles)), tiles};
}

int chooseSplits(const SplitWork& work) {
  double best = std::numeric_limits<double>::infinity();
  int chosen = 1;
  const std::int64_t most = std::min<std::int64_t>(work.kv_tiles, 256);
  for (std::int64_t splits = 1; splits <= most; ++splits) {
    const std::int64_t tiles = ceilDiv(work.kv_tiles, splits);
    if (ceilDiv(work.kv_tiles, tiles) != splits)
      continue; // some chunk would be empty
    const auto waves = static_cast<double>(ceilDiv(work.blocks * splits, work.slots));
    const double fold = waves * (static_cast<double>(tiles) + block_overhead);
    const double combine = splits == 1 ? 0 : combine_launch + work.combine_per_split * static_cast<double>(splits);
    if (fold + combine < best) {
      best = fold + combine;
      chosen = static_cast<int>(splits);
    }
  }
  return chosen;
}

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

SplitWork splitWork(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule,
                    const DeviceProperties& device) {
  const std::int64_t group = spec.q_heads / spec.kv_heads;
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::int64_t rows = problem.q_len * (schedule.pack_gqa ? group : 1);
  SplitWork work;
  work.blocks = std::max<std::int64_t>(1, ceilDiv(rows, schedule.q_tile) *
                                              (schedule.pack_gqa ? spec.kv_heads : spec.q_heads) * problem.batch);

  work.kv_tiles = keyTiles(spec, problem, schedule);

  const std::int64_t threads = std::int64_t{32} * schedule.warps + (schedule.warp_specialized ? 128 : 0);
  const std::int64_t registers =
      80 + (head_dim_v + schedule.kv_tile) / 2; // accumulators, scores, addresses: what ptxas reports, within 15
  const std::int64_t by_shared =
      static_cast<std::int64_t>(device.shared_per_multiprocessor) / (sharedBytes(spec, schedule) + 1024);
  const std::int64_t by_registers = device.registers_per_multiprocessor / (registers * threads);
  const std::int64_t by_threads = device.max_threads_per_multiprocessor / threads;
  work.slots =
      device.multiprocessors * std::clamp<std::int64_t>(std::min({by_shared, by_registers, by_threads}), 1, 32);

  // One more chunk writes and reads rows x head_dim_v floats per block; a key tile is kv_tile x (head_dim + head_dim_v)
  // elements of 2 bytes for one slot, and all slots together have the bandwidth.
  const double extra = 8.0 * static_cast<double>(std::min<std::int64_t>(rows, schedule.q_tile)) * head_dim_v *
                       static_cast<double>(work.blocks);
  const double tile = 2.0 * schedule.kv_tile * (spec.head_dim + head_dim_v) * static_cast<double>(work.slots);
  work.combine_per_split = combine_latency + extra / tile;
  return work;
}

namespace {

class CostModel final : public ScheduleProvider {
public:
  Choice choose(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                int splits) const override {
    const Target& where = target(device.arch);
    if (spec.batch_invariant) { // one way to compute a row, whatever the batch: that of decode, with as many chunks as
                                // it takes
      const Schedule schedule = defaultSchedule(spec, where, 1, true);
      return {schedule, cut(spec, splitWork(spec, problem, schedule, device).kv_tiles, 1).splits};
    }
    Choice choice{defaultSchedule(spec, where, problem.q_len, false), 1};
    const Schedule split = defaultSchedule(spec, where, problem.q_len, true);
    const SplitWork work = splitWork(spec, problem, split, device);
    choice.splits = splits > 0 ? cut(spec, work.kv_tiles, splits).splits : chooseSplits(work);
    if (choice.splits > 1)
      choice.schedule = split;
    return choice;
  }
};

} // namespace

ScheduleProvider::Choice pinned(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int splits,
                                const DeviceProperties& device) {
  scheduleFromText(toText(schedule)); // a struct can say what no text could
  if (!schedule.split_kv && splits > 1)
    throw UserError(UserError::Kind::Invalid, "splits " + std::to_string(splits), "the schedule does not split",
                    "use a schedule with split_kv=1, or none");
  if (!schedule.split_kv)
    return {schedule, 1};
  const SplitWork work = splitWork(spec, problem, schedule, device);
  const int wanted = splits > 0 ? splits : chooseSplits(work);
  return {schedule, cut(spec, work.kv_tiles, wanted).splits};
}

std::shared_ptr<const ScheduleProvider> costModel() { return std::make_shared<CostModel>(); }

} // namespace attune
