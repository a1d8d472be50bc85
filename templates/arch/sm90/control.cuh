// Who acts for a warp, how many registers a warpgroup holds, and when the next kernel may start.
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

// griddepcontrol.launch_dependents;
ATTUNE_DEVICE void griddepcontrol_launch_dependents() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

// griddepcontrol.wait;
ATTUNE_DEVICE void griddepcontrol_wait() { asm volatile("griddepcontrol.wait;" ::: "memory"); }

} // namespace attune::sm90
