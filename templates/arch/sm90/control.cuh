// Roles of warps: who acts for a warp, and how many registers a warpgroup holds.
#pragma once
#include <attune/support/types.cuh>

namespace attune::sm90 {

// elect.sync _|elected, 0xffffffff;   (true in one lane of a converged warp)
ATTUNE_DEVICE bool elect() {
  unsigned elected;
  asm volatile("{\n"
               ".reg .pred p;\n"
               "elect.sync _|p, 0xffffffff;\n"
               "selp.u32 %0, 1, 0, p;\n"
               "}"
               : "=r"(elected));
  return elected != 0;
}

// setmaxnreg.inc.sync.aligned.u32 N;   (waits until the block's pool has them)
template <int N>
ATTUNE_DEVICE void setmaxnreg_inc() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}

// setmaxnreg.dec.sync.aligned.u32 N;
template <int N>
ATTUNE_DEVICE void setmaxnreg_dec() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

} // namespace attune::sm90
