// Blocks of a cluster: their number, addresses in each other's shared memory, and the barrier of all their threads (PTX
// ISA, "Cluster of Cooperative Thread Arrays", "mapa", "barrier.cluster").
#pragma once
#include <attune/support/types.cuh>

namespace attune::sm90 {

// mov.u32 rank, %cluster_ctarank;
ATTUNE_DEVICE unsigned cluster_ctarank() {
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

// mapa.shared::cluster.u32 there, here, rank;   (the same place in the shared memory of block `rank`)
ATTUNE_DEVICE unsigned mapa(unsigned here, unsigned rank) {
  unsigned there;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(here), "r"(rank));
  return there;
}

// mbarrier.arrive.shared::cluster.b64 _, [barrier];   (of any block; by default it orders no ordinary accesses of other
// blocks: release.cluster would flush and invalidate the first-level cache)
ATTUNE_DEVICE void mbarrier_arrive_cluster(unsigned barrier) {
  asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// barrier.cluster.arrive.release.aligned;
ATTUNE_DEVICE void barrier_cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }

// barrier.cluster.wait.acquire.aligned;   (until all threads of the cluster that have not ended have arrived)
ATTUNE_DEVICE void barrier_cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }

} // namespace attune::sm90
