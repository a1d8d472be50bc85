#include "runtime/model/Resources.h"

#include "attune/compiler/DefaultSchedule.h"

#include <algorithm>

namespace attune::model {

Resources resourcesOf(const AttentionSpec& spec, const Schedule& schedule, const Target& target) {
  Resources r;
  r.shared_bytes = sharedBytes(spec, schedule);
  constexpr int producer = 128; // threads
  r.threads = schedule.warps * 32 + (schedule.warp_specialized ? producer : 0);
  if (schedule.warp_specialized) {
    const auto [needed, available] = consumerRegisters(spec, schedule);
    r.register_floor = needed;
    r.register_limit = available;
    r.registers = target.registers_per_multiprocessor / r.threads / 8 * 8; // at launch: a block has the whole file
    return r;
  }
  // A thread names 255 registers, and ptxas hands them out in eights.
  r.register_limit = std::min(255, target.registers_per_multiprocessor / r.threads / 8 * 8);

  // A warp's share of the accumulators, over its 32 lanes.
  const int rows = schedule.q_tile / schedule.warps;
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const int out = rows * ((head_dim_v + 15) / 16 * 16) / 32, scores = rows * schedule.kv_tile / 32;
  // O and S together, the probabilities packed in twos as S dies, fragments of one step, addresses and row state.
  r.register_floor = out + scores * 5 / 4 + 56;
  // Fitted to ptxas 13.0 on 66 schedules of the portable path that did not spill (head dims 64, 96, 128, 192, 256).
  const double fit = out + 2.6 * scores + 0.3 * spec.head_dim + 25;
  r.registers = std::min(r.register_limit, static_cast<int>(fit));
  return r;
}

int blocksPerMultiprocessor(const Resources& r, const Target& target) {
  constexpr std::int64_t reserved = 1024; // bytes of shared memory that the system keeps for each block
  const std::int64_t by_shared = target.shared_per_multiprocessor / (r.shared_bytes + reserved);
  const std::int64_t by_registers = target.registers_per_multiprocessor / (r.threads * ((r.registers + 7) / 8 * 8));
  const std::int64_t by_threads = target.max_threads_per_multiprocessor / r.threads;
  return static_cast<int>(std::min({by_shared, by_registers, by_threads, std::int64_t{32}}));
}

} // namespace attune::model
