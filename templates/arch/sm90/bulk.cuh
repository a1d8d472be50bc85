// Bulk copies of boxes of a tensor, the Tensor Memory Accelerator (PTX ISA, "Data Movement: cp.async.bulk.tensor"). One
// thread starts each.
#pragma once
#include <attune/support/types.cuh>

namespace attune::sm90 {

// cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.L2::cache_hint [shared], [map, {x,
// y, z, w}], [barrier], policy;   (what lies outside of the tensor becomes zero)
ATTUNE_DEVICE void bulk_load_tensor(unsigned shared, const void* map, int x, int y, int z, int w, unsigned barrier,
                                    unsigned long long policy) {
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.L2::cache_hint "
               "[%0], [%1, {%2, %3, %4, %5}], [%6], %7;" ::"r"(shared),
               "l"(map), "r"(x), "r"(y), "r"(z), "r"(w), "r"(barrier), "l"(policy)
               : "memory");
}

// cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster.L2::cache_hint
// [shared], [map, {x, y, z, w}], [barrier], blocks, policy;   (to the same place, and with the barrier at the same
// place, of each block that has a bit in `blocks`)
ATTUNE_DEVICE void bulk_multicast_tensor(unsigned shared, const void* map, int x, int y, int z, int w, unsigned barrier,
                                         unsigned short blocks, unsigned long long policy) {
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster"
               ".L2::cache_hint [%0], [%1, {%2, %3, %4, %5}], [%6], %7, %8;" ::"r"(shared),
               "l"(map), "r"(x), "r"(y), "r"(z), "r"(w), "r"(barrier), "h"(blocks), "l"(policy)
               : "memory");
}

// cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group [map, {x, y, z, w}], [shared];   (what lies outside of the
// tensor is not written)
ATTUNE_DEVICE void bulk_store_tensor(const void* map, int x, int y, int z, int w, unsigned shared) {
  asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group [%0, {%1, %2, %3, %4}], [%5];" ::"l"(map),
               "r"(x), "r"(y), "r"(z), "r"(w), "r"(shared)
               : "memory");
}

// cp.async.bulk.commit_group;   (of this thread's stores)
ATTUNE_DEVICE void bulk_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }

// cp.async.bulk.wait_group.read 0;   (until this thread's stores have read shared memory)
ATTUNE_DEVICE void bulk_wait_read() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }

// cp.async.bulk.wait_group 0;   (until they are in global memory)
ATTUNE_DEVICE void bulk_wait() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }

// prefetch.tensormap [map];
ATTUNE_DEVICE void prefetch_tensor_map(const void* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

} // namespace attune::sm90
