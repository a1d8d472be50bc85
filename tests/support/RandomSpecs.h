// Valid specs and schedules of every kind, for properties that all of them have.
#pragma once

#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"
#include "tests/support/RandomMasks.h"

namespace attune::test {

inline AttentionSpec randomSpec(RandomMasks& random) {
  const auto maybe = [&](std::int64_t low, std::int64_t high) {
    return random.among(0, 2) == 0 ? std::optional<std::int64_t>(random.among(low, high)) : std::nullopt;
  };
  const auto flag = [&] { return random.among(0, 2) == 0; };
  AttentionSpec spec;
  spec.dtype = flag() ? DType::F16 : DType::BF16;
  spec.kv_heads = static_cast<int>(random.among(1, 4));
  spec.q_heads = spec.kv_heads * static_cast<int>(random.among(1, 9));
  spec.head_dim = static_cast<int>(8 * random.among(1, 32));
  spec.head_dim_v = flag() ? static_cast<int>(8 * random.among(1, 32)) : 0;
  if (flag()) {
    spec.mask = random.sets(/*steepest=*/2, /*anything=*/true);
  } else {
    spec.causal = static_cast<Causal>(random.among(0, 2));
    spec.window = {.left = maybe(-20, 4000), .right = maybe(-20, 4000)};
    spec.chunk = maybe(1, 5000);
    spec.prefix = maybe(0, 3000);
  }
  spec.softcap = flag() ? 30 : 0;
  spec.alibi = static_cast<Alibi>(random.among(0, 2));
  spec.sink = flag();
  spec.varlen = flag();
  spec.lse = !flag();
  spec.batch_invariant = flag();
  return spec;
}

/// The same of 8-bit elements, whose head dims are multiples of 16.
inline AttentionSpec randomFloat8Spec(RandomMasks& random) {
  AttentionSpec spec = randomSpec(random);
  spec.dtype = DType::E4M3;
  spec.head_dim = (spec.head_dim + 15) / 16 * 16;
  spec.head_dim_v = (spec.head_dim_v + 15) / 16 * 16;
  return spec;
}

inline Schedule randomSchedule(RandomMasks& random) {
  const auto flag = [&] { return random.among(0, 2) == 0; };
  const int warps = 1 << random.among(0, 3);
  return {.q_tile = warps * 16 * static_cast<int>(random.among(1, 2)),
          .kv_tile = 16 * static_cast<int>(random.among(1, 8)),
          .warps = warps,
          .stages = static_cast<int>(random.among(1, 4)),
          .pack_gqa = flag(),
          .split_kv = flag()};
}

} // namespace attune::test
