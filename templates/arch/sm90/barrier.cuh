// Barriers of Hopper: mbarrier objects in shared memory, which count arrivals of threads and bytes of copies, and the
// numbered barriers of a block (PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier",
// "barrier").
#pragma once
#include <attune/support/types.cuh>

namespace attune::sm90 {

// mbarrier.init.shared::cta.b64 [barrier], count;
ATTUNE_DEVICE void mbarrier_init(unsigned barrier, unsigned count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory");
}

// fence.mbarrier_init.release.cluster;   (initialised barriers become visible to the block, and to copies)
ATTUNE_DEVICE void fence_mbarrier_init() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

// mbarrier.arrive.shared::cta.b64 _, [barrier];
ATTUNE_DEVICE void mbarrier_arrive(unsigned barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// mbarrier.arrive.expect_tx.shared::cta.b64 _, [barrier], bytes;   (the phase also waits for `bytes` of copies)
ATTUNE_DEVICE void mbarrier_arrive_expect_tx(unsigned barrier, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

// mbarrier.try_wait.parity.shared::cta.b64 done, [barrier], parity;   (may sleep for a while before it says no)
ATTUNE_DEVICE bool mbarrier_try_wait(unsigned barrier, unsigned parity) {
  unsigned done;
  asm volatile("{\n"
               ".reg .pred p;\n"
               "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
               "selp.u32 %0, 1, 0, p;\n"
               "}"
               : "=r"(done)
               : "r"(barrier), "r"(parity)
               : "memory");
  return done != 0;
}

// barrier.cta.sync.aligned id, threads;
ATTUNE_DEVICE void barrier_sync(int id, int threads) {
  asm volatile("barrier.cta.sync.aligned %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// barrier.cta.red.or.aligned.pred any, id, threads, one;   (whether it is true in any of them)
ATTUNE_DEVICE bool barrier_or(int id, int threads, bool one) {
  unsigned any;
  asm volatile("{\n"
               ".reg .pred p, q;\n"
               "setp.ne.u32 p, %3, 0;\n"
               "barrier.cta.red.or.aligned.pred q, %1, %2, p;\n"
               "selp.u32 %0, 1, 0, q;\n"
               "}"
               : "=r"(any)
               : "r"(id), "r"(threads), "r"(static_cast<unsigned>(one))
               : "memory");
  return any != 0;
}

// barrier.cta.arrive.aligned id, threads;
ATTUNE_DEVICE void barrier_arrive(int id, int threads) {
  asm volatile("barrier.cta.arrive.aligned %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// fence.proxy.async.shared::cta;   (what this thread wrote to shared memory becomes visible to wgmma and to bulk
// copies)
ATTUNE_DEVICE void fence_proxy_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

} // namespace attune::sm90
