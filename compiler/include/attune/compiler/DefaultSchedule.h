#pragma once

#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"
#include "attune/compiler/Target.h"

#include <cstdint>

namespace [[gnu::visibility("default")]] attune {

/// A schedule that fits the target and spills no register, chosen without measuring. `q_len`: queries per sequence (the
/// longest). `split_kv` says whether the keys are to be cut into chunks.
Schedule defaultSchedule(const AttentionSpec& spec, const Target& target, std::int64_t q_len, bool split_kv);

/// Dynamic shared memory of a schedule, in bytes: Q, and `stages` slots of K and of V, of 8-bit types of the transposed
/// V too, and their barriers where a kernel has roles. O takes Q's place if it fits there
/// and the block ends with it.
std::int64_t sharedBytes(const AttentionSpec& spec, const Schedule& schedule);
std::int64_t sharedBytes(DType dtype, std::int64_t head_dim, std::int64_t head_dim_v, const Schedule& schedule);

/// Registers per thread in a kernel with roles: of the producer's warpgroup, and of each that computes.
struct RoleRegisters {
  int producer = 0, consumers = 0;
};
/// `persistent` and `transposes` say what else the producer does: deal pieces out, transpose V of 8 bits.
RoleRegisters roleRegisters(int warpgroups, bool persistent, bool transposes);

/// Registers of a consumer's thread in a kernel with roles. Of schedules that need more than there are, ptxas spills
/// and serialises wgmma; of the others none, as far as tried, but for masks of many terms.
struct ConsumerRegisters {
  int needed;    ///< accumulators, weights, and 28 for the state of rows, addresses and loops
  int available; ///< as roleRegisters() shares them
};
ConsumerRegisters consumerRegisters(const AttentionSpec& spec, const Schedule& schedule);

} // namespace attune
