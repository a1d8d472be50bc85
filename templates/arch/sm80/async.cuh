// Copies from global to shared memory that run while the warp goes on (PTX ISA, "Data Movement: Asynchronous copy",
// non-bulk).
#pragma once
#include <attune/support/types.cuh>

namespace attune::cp_async {

// cp.async.cg.shared.global [dst], [src], 16, bytes;   (what lies beyond `bytes` is zero; nothing is read when it is 0)
ATTUNE_DEVICE void copy_or_zero(unsigned shared, const void* global, bool copy) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global), "r"(copy ? 16 : 0)
               : "memory");
}

// cp.async.cg.shared.global [dst], [src], 16;
ATTUNE_DEVICE void copy(unsigned shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global) : "memory");
}

// cp.async.commit_group;   (closes the group of this thread's copies so far; a group may be empty)
ATTUNE_DEVICE void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// cp.async.wait_group N;   (all but this thread's N youngest groups have landed)
template <int N>
ATTUNE_DEVICE void wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

} // namespace attune::cp_async
