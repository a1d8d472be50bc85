// Blocks that run at the same time on neighbouring multiprocessors and read the same keys: each copies a part of every
// tile of K and V, to all of them (tma::multicast_async). A slot is free when the consumers of all blocks have left it.
#pragma once
#include <attune/arch/sm90/cluster.cuh>
#include <attune/tile/barrier.cuh>

namespace attune::cluster {

/// All threads of all blocks that have not ended. At the start: all barriers are made before another block's copy or
/// arrival meets them. At the end: no block goes whose barriers another one still arrives at.
ATTUNE_DEVICE void sync() {
  sm90::barrier_cluster_arrive();
  sm90::barrier_cluster_wait();
}

/// One arrival of a converged warp at the barrier of each of the Blocks. It tells copies that wgmma has read; ordinary
/// stores of other blocks it does not order.
template <int Blocks>
ATTUNE_DEVICE void arrive(const mbarrier& barrier) {
  const unsigned block = threadIdx.x % 32;
  if (block < Blocks)
    sm90::mbarrier_arrive_cluster(sm90::mapa(barrier.address(), block));
}

} // namespace attune::cluster
