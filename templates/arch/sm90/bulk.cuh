// Bulk copies of boxes of a tensor, the Tensor Memory Accelerator (PTX ISA, "Data Movement: cp.async.bulk.tensor"). One
// thread starts each.
#pragma once
#include <attune/support/types.cuh>

namespace attune::sm90 {

// cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [shared], [map, {x, y, z, w}],
// [barrier];   (what lies outside of the tensor becomes zero)
ATTUNE_DEVICE void bulk_load_tensor(unsigned shared, const void* map, int x, int y, int z, int w, unsigned barrier) {
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%2, %3, %4, %5}], [%6];" ::"r"(shared),
               "l"(map), "r"(x), "r"(y), "r"(z), "r"(w), "r"(barrier)
               : "memory");
}

} // namespace attune::sm90
