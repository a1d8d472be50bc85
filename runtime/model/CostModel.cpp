#include "runtime/model/CostModel.h"

#include "attune/compiler/Error.h"
#include "runtime/model/Chunks.h"
#include "runtime/model/Resources.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>

namespace attune::model {

namespace {

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// What is not a device's figure. Some have a source; the others are assumed, until measurements correct them (the tuner
// corrects what they add up to, candidate by candidate).

/// Products of 8-bit elements against 16-bit ones: 1979 and 989 TFLOP/s (NVIDIA H100 data sheet, dense).
constexpr double eight_bit_rate = 2;
/// Bytes per clock from L2 to one multiprocessor: two sectors. Assumed; where all of them read, L2's own rate is less.
constexpr double l2_port = 64;
/// Clocks that a warp waits per key tile whatever it computes: two block barriers, the first fragments' way from shared
/// memory, two shuffles, and the first product's result, 20 to 35 each where papers have them (Luo et al. 2024), and
/// the same once more for warps that do not arrive together. Assumed.
constexpr double synchronisation = 300;
/// What a warpgroup takes longer than the longer of products and softmax if they overlap and nobody takes turns with
/// it: FlashAttention-3 (Shah et al. 2024, table 2) lost 12 to 14 % of the throughput without either.
constexpr double without_turns = 1.15;
/// Of a tile's pipes that are not the longest, the part that shows beside it. Assumed: these bring the model to the
/// throughput of published kernels (CostModelTest, LongPrefillIsAsFastAsKernelsAreKnownToBe).
constexpr double shows = 0.15, shows_with_turns = 0.05;
/// Stages of a ring that are not under way, on average: the one that is read, until it is free halfway. Derived.
constexpr double stage_in_use = 0.5;
/// Memory latencies at the two ends of a block: the first tile arrives, the last row leaves. Derived: no more is
/// serial.
constexpr double ends_of_block = 2;
/// Microseconds of a block whose chunk the mask leaves empty: a launch of threads that store a row of LSE. Assumed.
constexpr double empty_block = 0.1;
/// Part of L2 that keeps keys and values; Q, O and what was read before take the rest. Assumed. (A persistent grid's
/// sections have half of it: runtime/engine/Arguments.cpp.)
constexpr double kept_in_l2 = 0.7;
/// L2 latencies of the combine kernel: LSE of all chunks, then O to store; and per chunk one for O and a quarter of one
/// for its factor, which depend on each other. Derived, and assumed to be not hidden at all.
constexpr double combine_ends = 2, combine_chunk = 1.25;
/// Waves from which on the exact order of blocks is not looked at: the last one is then less than a twelfth.
constexpr std::int64_t many_waves = 12;
/// Blocks whose times differ by less are alike.
constexpr double alike = 1.01;

/// What one key tile costs a multiprocessor, in microseconds, pipe by pipe.
struct TileTime {
  double tensor, sfu, issue, shared, l2;
  double sum() const { return tensor + std::max(sfu, issue) + shared; }
  double most() const { return std::max({tensor, sfu, issue, shared, l2}); }
};

TileTime perTile(const AttentionSpec& spec, const Work& work, const Schedule& s, const Machine& machine, double tiles) {
  const Figures& f = machine.figures;
  const double tensor =
      (s.warp_specialized ? f.wgmma_flops : f.tensor_flops) * (spec.dtype == DType::E4M3 ? eight_bit_rate : 1);
  const double clock = f.clock_ghz * 1e3; // per microsecond
  const double l2 = std::min(f.l2_gbytes_per_s * 1e3 / machine.device.multiprocessors, l2_port * clock);
  return {work.fold.tensor_flops / tiles / tensor / clock, work.fold.sfu_ops / tiles / f.sfu_ops / clock,
          work.fold.instructions / tiles / f.instructions / clock,
          work.fold.shared_wavefronts / tiles / f.shared_wavefronts / clock, work.fold.read_bytes / tiles / l2};
}

using Part = std::pair<const char*, double>;
const char* longest(std::initializer_list<Part> parts) { return std::ranges::max(parts, {}, &Part::second).first; }

using TaskTime = std::function<double(const Task&)>;

/// When the last block of a persistent grid has done its pieces. They are dealt by arithmetic, the longest first, every
/// other round in reverse (templates/tile/pieces.cuh; here as if all heads were of one section).
double dealt(const Work& work, std::int64_t blocks, const TaskTime& time) {
  double total = 0, longest = 0;
  for (const Task& task : work.tasks) {
    total += time(task) * static_cast<double>(task.blocks * work.heads);
    longest = std::max(longest, time(task));
  }
  if (work.blocks <= blocks)
    return longest;
  if (work.blocks > many_waves * blocks) // on average the last round is half full
    return total / static_cast<double>(blocks) + total / static_cast<double>(work.blocks) / 2;
  std::vector<double> busy(static_cast<std::size_t>(blocks), 0.0);
  std::int64_t piece = 0;
  for (auto task = work.tasks.rbegin(); task != work.tasks.rend(); ++task)
    for (std::int64_t n = 0; n < task->blocks * work.heads; ++n, ++piece) {
      const std::int64_t place = piece % blocks;
      busy[static_cast<std::size_t>(piece / blocks % 2 == 0 ? place : blocks - 1 - place)] += time(*task);
    }
  return std::ranges::max(busy);
}

/// When the last block ends if each free slot takes the next block, as the hardware's scheduler does.
double makespan(const Work& work, std::int64_t slots, const TaskTime& time) {
  double total = 0, longest = 0, shortest = 1e300;
  for (const Task& task : work.tasks) {
    const double t = time(task);
    total += t * static_cast<double>(task.blocks * work.heads);
    longest = std::max(longest, t), shortest = std::min(shortest, t);
  }
  if (work.blocks <= slots)
    return longest;
  if (longest <= alike * shortest)
    return static_cast<double>(ceilDiv(work.blocks, slots)) * longest;
  if (work.blocks > many_waves * slots)
    return total / static_cast<double>(slots) + longest / 2;
  std::priority_queue<double, std::vector<double>, std::greater<>> free(std::greater<>(),
                                                                        std::vector<double>(slots, 0.0));
  double end = 0;
  for (std::int64_t head = 0; head < work.heads; ++head)
    for (auto task = work.tasks.rbegin(); task != work.tasks.rend(); ++task) // the longest rows go first
      for (std::int64_t n = 0; n < task->blocks; ++n) {
        const double ends = free.top() + time(*task);
        free.pop();
        free.push(ends);
        end = std::max(end, ends);
      }
  return end;
}

/// Bytes that device memory delivers: all once, and again what L2 does not keep until the next block wants it.
double memoryBytes(const AttentionSpec& spec, const Problem& problem, const Work& work, const Candidate& candidate,
                   const Machine& machine, std::int64_t slots) {
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const std::int64_t per_head = std::max<std::int64_t>(1, work.blocks / std::max<std::int64_t>(work.heads, 1));
  const std::int64_t sharing = candidate.schedule.pack_gqa ? 1 : spec.q_heads / spec.kv_heads;
  // Heads at a time: those of the blocks that run; a persistent grid goes through sections that fit.
  const std::int64_t heads_at_once =
      candidate.schedule.persistent ? 1 : ceilDiv(ceilDiv(std::min(slots, work.blocks), per_head), sharing);
  const double element = spec.dtype == DType::E4M3 ? 1 : 2;
  const double live =
      static_cast<double>(heads_at_once) * element * static_cast<double>(problem.kv_len) * (spec.head_dim + head_dim_v);
  const double kept = std::min(1.0, kept_in_l2 * static_cast<double>(machine.device.l2_bytes) / std::max(live, 1.0));
  // Blocks of a head that run side by side read a key tile at about the same time: only the next wave's reads miss.
  const double waves = std::max(1.0, static_cast<double>(work.blocks) / static_cast<double>(slots));
  const double again =
      std::min(std::max(0.0, work.fold.read_bytes - work.unique_bytes), work.unique_bytes * (waves - 1));
  return work.unique_bytes + again * (1 - kept) + work.fold.write_bytes;
}

double combineTime(const AttentionSpec& spec, const Problem& problem, const Work& work, const Candidate& candidate,
                   const Machine& machine) {
  const Figures& f = machine.figures;
  // A warp per row goes through the chunks one after another: its loads cannot all be in flight.
  const double chain = f.l2_latency_us * (combine_ends + combine_chunk * candidate.splits);
  const double rows = static_cast<double>(problem.batch * problem.q_len * spec.q_heads);
  const double warps =
      target(machine.device.arch).max_threads_per_multiprocessor / 32.0 * machine.device.multiprocessors;
  const double waves = std::ceil(rows / warps);
  const double moved = (work.combine.read_bytes + work.combine.write_bytes) / (f.l2_gbytes_per_s * 1e3);
  return f.next_launch_us + std::max(chain * waves, moved);
}

} // namespace

Cost predict(const AttentionSpec& spec, const Problem& problem, const Candidate& candidate, const Machine& machine) {
  const Figures& f = machine.figures;
  const Schedule& s = candidate.schedule;
  const Target& limits = target(machine.device.arch);
  const int fit = blocksPerMultiprocessor(resourcesOf(spec, s, limits), limits);
  if (fit < 1)
    throw InternalError("the cost model was asked for a schedule that does not fit: " + toText(s));
  const Work work = workOf(spec, problem, candidate);
  const std::int64_t multiprocessors = machine.device.multiprocessors;
  Cost cost;
  cost.blocks_per_multiprocessor =
      static_cast<int>(std::clamp<std::int64_t>(ceilDiv(work.blocks, multiprocessors), 1, fit));
  const std::int64_t slots = multiprocessors * cost.blocks_per_multiprocessor;
  cost.blocks = work.blocks, cost.slots = slots;
  cost.waves = static_cast<double>(work.blocks) / static_cast<double>(slots);

  double tiles = 0;
  for (const Task& task : work.tasks)
    tiles += static_cast<double>(task.blocks * work.heads * task.key_tiles);
  const TileTime tile = perTile(spec, work, s, machine, std::max(tiles, 1.0));

  // How long all blocks of a multiprocessor take for one key tile each.
  const double resident = cost.blocks_per_multiprocessor, quarters = s.warps / 4.0; // warps per scheduler
  const double busy = std::max(1.0, 1 / (resident * quarters)); // fewer than four warps leave schedulers idle
  const double pipes = resident * tile.most() * busy;
  const double sync = synchronisation / (f.clock_ghz * 1e3);
  // What a warp does one after another; with overlap its products run beside its softmax, and warpgroups that take
  // turns hide the rest.
  const double softmax = std::max(tile.sfu, tile.issue);
  const double alone = !s.warp_specialized ? tile.sum()
                       : s.ping_pong       ? std::max(tile.tensor, softmax) * quarters
                       : s.overlap         ? std::max(tile.tensor, softmax) * without_turns
                                           : tile.tensor + softmax;
  const double chain = alone / quarters + sync;
  const double ring =
      f.memory_latency_us / (s.stages - stage_in_use); // a tile comes a ring's length after it was asked for
  // Overlap is never perfect: a part of all but the longest of a block's own pipes shows.
  const double own = std::max({tile.tensor, softmax, tile.shared});
  const double unhidden = (s.ping_pong ? shows_with_turns : shows) * resident * (tile.sum() - own) * busy;
  const double period = std::max({pipes, chain, ring}) + unhidden;

  // A block that stays has its next piece's first tiles and its last piece's rows under way beside products: it has its
  // ends once, and per piece the way from the last product to the next first one.
  const double ends = ends_of_block * f.memory_latency_us;
  const double own_ends = s.persistent ? sync : ends;
  const TaskTime time = [&](const Task& t) {
    return t.key_tiles == 0 ? empty_block : static_cast<double>(t.key_tiles) * period + own_ends;
  };
  const double span = s.persistent ? ends - own_ends + dealt(work, slots, time) : makespan(work, slots, time);
  const double memory =
      memoryBytes(spec, problem, work, candidate, machine, slots) / (f.memory_gbytes_per_s * 1e3) + f.memory_latency_us;
  const double l2 = (work.fold.read_bytes + work.fold.write_bytes) / (f.l2_gbytes_per_s * 1e3);

  cost.fold_us = f.launch_us + std::max({span, memory, l2});
  if (s.split_kv)
    cost.combine_us = combineTime(spec, problem, work, candidate, machine);
  cost.us = cost.fold_us + cost.combine_us;

  const double rounds = tiles / static_cast<double>(std::max<std::int64_t>(std::min(slots, work.blocks), 1));
  const double even = tiles / static_cast<double>(multiprocessors);
  const double idle = std::max(0.0, span - period * rounds - ends);
  cost.terms = {
      {"tensor", "matrix products, on all multiprocessors", tile.tensor * even},
      {"special functions", "exponentials", tile.sfu * even},
      {"issue", "instructions of all warps", tile.issue * even},
      {"shared memory", "fragments read, tiles written", tile.shared * even},
      {"L2", "what blocks read and write", l2},
      {"device memory", "Q, K, V, O, and what L2 does not keep", memory},
      {"warp latency", "what one warp does one after another", chain * rounds},
      {"load latency", "key tiles still under way when their turn comes", ring * rounds},
      {"first and last tile", "prologues and epilogues of a slot's blocks",
       s.persistent ? ends + own_ends * cost.waves : ends * std::max(1.0, cost.waves)},
      {"idle slots", "uneven blocks, and a last wave that is not full", idle},
      {"launch", "of the first kernel", f.launch_us},
  };
  if (s.split_kv)
    cost.terms.push_back({"combine", "a second kernel that merges the chunks", cost.combine_us});
  std::ranges::stable_sort(cost.terms, std::ranges::greater(), &Term::us);

  const char* const pipe = longest({{"tensor", tile.tensor},
                                    {"special functions", tile.sfu},
                                    {"issue", tile.issue},
                                    {"shared memory", tile.shared},
                                    {"L2", tile.l2}});
  const char* const steady = longest({{pipe, pipes}, {"warp latency", chain}, {"load latency", ring}});
  const char* const blocks = longest({{steady, period * rounds}, {"first and last tile", ends}, {"idle slots", idle}});
  const char* const kernel = longest({{blocks, span}, {"device memory", memory}, {"L2", l2}});
  cost.bound = longest({{kernel, cost.fold_us - f.launch_us}, {"launch", f.launch_us}, {"combine", cost.combine_us}});
  return cost;
}

std::vector<std::pair<int, Cost>> costsBySplits(const AttentionSpec& spec, const Problem& problem,
                                                const Schedule& schedule, const Machine& machine) {
  std::vector<std::pair<int, Cost>> costs;
  for (const int splits : splitCounts(spec, problem, schedule)) {
    costs.emplace_back(splits, predict(spec, problem, {schedule, splits}, machine));
    if (costs.back().second.waves > enough_waves)
      break;
  }
  return costs;
}

Candidate bestSplits(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule,
                     const Machine& machine) {
  const auto costs = costsBySplits(spec, problem, schedule, machine);
  const auto best = std::ranges::min_element(costs, {}, [](const auto& c) { return c.second.us; });
  return {schedule, best == costs.end() ? 1 : best->first};
}

} // namespace attune::model
