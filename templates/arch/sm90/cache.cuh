// How long the L2 cache keeps what a copy brings (PTX ISA, "createpolicy", "Cache Eviction Priority Hints").
#pragma once
#include <attune/support/types.cuh>

namespace attune::sm90 {

// createpolicy.fractional.L2::evict_first.b64 policy, 1.0;
ATTUNE_DEVICE unsigned long long evict_first() {
  unsigned long long policy;
  asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}

// createpolicy.fractional.L2::evict_last.b64 policy, 1.0;
ATTUNE_DEVICE unsigned long long evict_last() {
  unsigned long long policy;
  asm("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}

} // namespace attune::sm90
