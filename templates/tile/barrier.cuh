// Barriers by event: "K(j) is there" (k_full), "nobody reads V(j) any more" (v_empty). They live in shared memory;
// phases count their completions, and a wait names the parity of the phase that it waits for.
#pragma once
#include <attune/arch/sm90/barrier.cuh>
#include <attune/arch/sm90/control.cuh>
#include <attune/tile/tiles.cuh>

namespace attune {

struct mbarrier {
  unsigned long long state;
  ATTUNE_DEVICE unsigned address() const { return static_cast<unsigned>(__cvta_generic_to_shared(&state)); }
};

namespace bar {

/// Thread 0 makes barriers of `arrivals` per phase; publish() and block::sync() once all are made.
ATTUNE_DEVICE void init(mbarrier& barrier, int arrivals) {
  if (threadIdx.x == 0)
    sm90::mbarrier_init(barrier.address(), arrivals);
}
template <int Stages>
ATTUNE_DEVICE void init(mbarrier (&barriers)[Stages], int arrivals) {
#pragma unroll
  for (int i = 0; i < Stages; ++i)
    init(barriers[i], arrivals);
}
ATTUNE_DEVICE void init(int& flag) {
  if (threadIdx.x == 0)
    flag = 0;
}
ATTUNE_DEVICE void publish() { sm90::fence_mbarrier_init(); }

/// Until the phase of this parity is complete: 0 for the first. The phase before the first counts as complete, so a
/// wait for room in an empty ring passes.
ATTUNE_DEVICE void wait(const mbarrier& barrier, int phase) {
  while (!sm90::mbarrier_try_wait(barrier.address(), phase))
    ;
}
/// The same, once row sums are known, which are +0 or more, or NaN. A wait does not hold ptxas: it moves exponentials
/// behind it that should run beside the products waited for. Here they decide the phase, to which they add 0.
template <int M>
ATTUNE_DEVICE void wait(const mbarrier& barrier, int phase, const rv<M>& row_sum) {
  float zero = 0;
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
    zero = fminf(zero, fminf(row_sum.data[m][0], row_sum.data[m][1]));
  wait(barrier, phase | __float_as_int(zero));
}

/// One arrival of a converged warp.
ATTUNE_DEVICE void arrive(mbarrier& barrier) {
  if (sm90::elect())
    sm90::mbarrier_arrive(barrier.address());
}

} // namespace bar

// Between kernels of a stream, where the later one is launched to overlap with the earlier (programmatic dependent
// launch).
namespace grid {
/// The next kernel may be launched once every block has said so.
ATTUNE_DEVICE void start_next() { sm90::griddepcontrol_launch_dependents(); }
/// Until the previous kernel is done and what it wrote can be read.
ATTUNE_DEVICE void wait_for_previous() { sm90::griddepcontrol_wait(); }
} // namespace grid
} // namespace attune
