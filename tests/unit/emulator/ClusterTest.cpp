// Blocks that run together: distributed shared memory, barriers of the cluster, multicast, remote mbarriers.

#include "tests/unit/emulator/Hopper.h"

#include <numeric>

namespace attune::emulator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Each block writes rank * 1000 + thread to the shared memory of the next one, which hands it out.
const std::string exchange = clusterText(".param .u64 out", R"(
  .shared .align 4 .b8 slot[256]; .reg .b32 %r<16>; .reg .b64 %p<4>;
  ld.param.u64 %p0, [out]; mov.u32 %r0, %tid.x; mov.u32 %r1, %cluster_ctarank; mov.u32 %r2, %cluster_nctarank;
  barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;
  add.u32 %r3, %r1, 1; rem.u32 %r3, %r3, %r2; mov.u32 %r4, slot; mapa.shared::cluster.u32 %r5, %r4, %r3;
  shl.b32 %r6, %r0, 2; add.u32 %r5, %r5, %r6; mad.lo.u32 %r7, %r1, 1000, %r0;
  st.shared::cluster.u32 [%r5], %r7;
  barrier.cluster.arrive.release.aligned;
  barrier.cluster.wait.acquire.aligned;
  add.u32 %r4, %r4, %r6; ld.shared.u32 %r8, [%r4];
  mov.u32 %r9, %ctaid.x; mov.u32 %r10, %ctaid.y; mov.u32 %r11, %nctaid.x; mad.lo.u32 %r9, %r10, %r11, %r9;
  mad.lo.u32 %r9, %r9, 64, %r0; mul.wide.u32 %p1, %r9, 4; add.s64 %p0, %p0, %p1; st.global.u32 [%p0], %r8;)");

std::vector<unsigned> runExchange(const std::string& ptx, const Options& options) {
  Harness harness(options);
  const DevicePtr out = harness.device->allocate(64 * 4 * 8, "out");
  harness.launch(ptx, "k", {4, 2}, {64}, out);
  return harness.download<unsigned>(out, 64 * 8);
}

TEST(Cluster, BlocksReachEachOthersSharedMemory) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto got = runExchange(exchange, hopper(seed));
    for (unsigned y = 0; y < 2; ++y)
      for (unsigned x = 0; x < 4; ++x)
        for (unsigned thread = 0; thread < 64; ++thread) { // rank: x + 2 y inside the cluster
          const unsigned rank = x % 2 + 2 * y;
          ASSERT_EQ(got[(y * 4 + x) * 64 + thread], (rank + 3) % 4 * 1000 + thread);
        }
  }
}

TEST(Cluster, PlantedBugsAreFound) {
  const auto error = [](const std::string& ptx) { return Harness::errorOf([&] { runExchange(ptx, hopper()); }); };
  EXPECT_THAT(
      error(replaced(exchange, "barrier.cluster.arrive.release.aligned;\n  barrier.cluster.wait.acquire.aligned;",
                     "bar.sync 0;")),
      HasSubstr("race on shared memory"));
  EXPECT_THAT(
      error(replaced(exchange, "barrier.cluster.arrive.release.aligned;", "barrier.cluster.arrive.relaxed.aligned;")),
      HasSubstr("race on shared memory"));
  EXPECT_THAT(error(replaced(exchange, "barrier.cluster.arrive.release.aligned;\n", "")),
              HasSubstr("that has not arrived"));
  EXPECT_THAT(error(replaced(exchange, "barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;",
                             "barrier.cluster.arrive.relaxed.aligned;")),
              HasSubstr("a warp that has arrived and not waited"));
  EXPECT_THAT(
      error(replaced(exchange, "mapa.shared::cluster.u32 %r5, %r4, %r3;", "mapa.shared::cluster.u32 %r5, %r4, 4;")),
      HasSubstr("mapa to rank 4 of a cluster of 4"));
  Harness harness(hopper());
  EXPECT_THAT(
      Harness::errorOf([&] { harness.launch(exchange, "k", {3, 2}, {64}, harness.device->allocate(2048, "out")); }),
      HasSubstr("each extent divides the grid's"));
}

// What each lane finds out about its block's own addresses: the rank in them, 0 where mapa to the own rank makes the
// same ones, and the word that it stored, on five ways.
const std::string own_addresses = clusterText(".param .u64 in, .param .u64 out", R"(
  .shared .align 16 .b8 before[64]; .shared .align 16 .b8 slot[256]; .reg .b32 %r<24>; .reg .b64 %p<8>;
  ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out]; mov.u32 %r0, %tid.x; mov.u32 %r1, %cluster_ctarank;
  mov.u32 %r2, slot; mapa.shared::cluster.u32 %r3, %r2, %r1; sub.u32 %r3, %r3, %r2;
  mov.u64 %p2, slot; cvta.shared.u64 %p2, %p2; mapa.u64 %p3, %p2, %r1; sub.s64 %p3, %p3, %p2; cvt.u32.u64 %r4, %p3;
  getctarank.u64 %r5, %p2; sub.u32 %r5, %r5, %r1; or.b32 %r3, %r3, %r4; or.b32 %r3, %r3, %r5; shr.u32 %r4, %r2, 24;
  mad.lo.u32 %r5, %r1, 1000, %r0; shl.b32 %r6, %r0, 2; add.u32 %r7, %r2, %r6; cvt.u64.u32 %p4, %r6;
  add.s64 %p5, %p2, %p4; add.s64 %p0, %p0, %p4;
  st.shared.u32 [%r7], %r5; atom.shared::cta.add.u32 %r8, [%r7], 1; ld.u32 %r9, [%p5]; ld.shared::cluster.u32 %r10, [%r7];
  cp.async.ca.shared.global [%r7+128], [%p0], 4; cp.async.wait_all; ld.shared.u32 %r11, [%r7+128];
  bar.warp.sync -1; and.b32 %r12, %r0, 7; shl.b32 %r12, %r12, 4; add.u32 %r12, %r12, %r2;
  ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r13}, [%r12]; ld.shared.u32 %r14, [slot+4];
  mov.u32 %r15, %ctaid.x; mov.u32 %r16, %ctaid.y; mad.lo.u32 %r15, %r16, 2, %r15; shl.b32 %r15, %r15, 5;
  add.u32 %r15, %r15, %r0; mul.wide.u32 %p6, %r15, 32; add.s64 %p1, %p1, %p6;
  st.global.v4.u32 [%p1], {%r4, %r3, %r8, %r9}; st.global.v4.u32 [%p1+16], {%r10, %r11, %r13, %r14};
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;)");

std::vector<unsigned> runOwnAddresses(const std::string& ptx) {
  Harness harness(hopper());
  std::vector<unsigned> in(32);
  std::iota(in.begin(), in.end(), 70);
  const DevicePtr out = harness.device->allocate(std::size_t{4} * 32 * 32, "out");
  harness.launch(ptx, "k", {2, 2}, {32}, harness.upload(in, "in"), out);
  return harness.download<unsigned>(out, std::size_t{4} * 32 * 8);
}

TEST(Cluster, OwnAddressesCarryTheRank) {
  const auto got = runOwnAddresses(own_addresses);
  for (unsigned rank = 0; rank < 4; ++rank)
    for (unsigned lane = 0; lane < 32; ++lane) {
      const unsigned mine = rank * 1000 + lane;
      const std::vector<unsigned> expected = {rank, 0, mine, mine + 1, mine + 1, 70 + lane, mine + 1, rank * 1000 + 2};
      const auto first = got.begin() + (rank * 32 + lane) * 8;
      ASSERT_EQ(std::vector<unsigned>(first, first + 8), expected) << rank << " " << lane;
    }
}

TEST(Cluster, SharedCtaAccessesReachNoOtherBlock) {
  for (const std::string access :
       {"st.shared.u32 [%r2], 1;", "ld.shared::cta.u32 %r8, [%r2];", "atom.shared.add.u32 %r8, [%r2], 1;",
        "cp.async.ca.shared.global [%r2], [%p0], 4;", "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r8}, [%r2];",
        "mbarrier.init.shared.b64 [%r2], 1;", "mbarrier.arrive.shared::cta.b64 _, [%r2];"})
    EXPECT_THAT(Harness::errorOf([&] {
                  runOwnAddresses(
                      replaced(own_addresses, "sub.u32 %r3, %r3, %r2;", "xor.b32 %r2, %r2, 0x1000000; " + access));
                }),
                HasSubstr("only .shared::cluster and generic ones reach another block"))
        << access;
  // an address that has lost its rank is that of block 0
  EXPECT_THAT(Harness::errorOf([&] {
                runOwnAddresses(replaced(own_addresses, "st.shared.u32 [%r7], %r5;",
                                         "and.b32 %r7, %r7, 0xffffff; st.shared.u32 [%r7], %r5;"));
              }),
              HasSubstr("a .shared::cta access of block 0 of the cluster by block"));
}

// Rank 0 loads a tile for all four blocks; each waits for its own mbarrier, then arrives at rank 0's.
const std::string multicast = clusterText(".param .align 64 .b8 map[128], .param .u64 out", R"(
  .shared .align 128 .b8 tile[256]; .shared .align 8 .b8 full[8]; .shared .align 8 .b8 done[8];
  .reg .b32 %r<16>; .reg .b64 %p<4>; .reg .pred %q<4>; .reg .b16 %h;
  ld.param.u64 %p0, [out]; mov.u32 %r0, %tid.x; mov.u32 %r1, %cluster_ctarank; setp.ne.u32 %q0, %r0, 0;
  mov.b64 %p1, map; cvta.param.u64 %p1, %p1; mov.u16 %h, 15;
  @%q0 bra READY;
  mbarrier.init.shared.b64 [full], 1; mbarrier.init.shared.b64 [done], 4; fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared.b64 _, [full], 256;
READY:
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  setp.ne.u32 %q1, %r1, 0; or.pred %q1, %q1, %q0; @%q1 bra WAIT;
  cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [tile], [%p1, {0}], [full], %h;
WAIT: mbarrier.try_wait.parity.acquire.cluster.shared.b64 %q2, [full], 0; @!%q2 bra WAIT;
  shl.b32 %r2, %r0, 2; mov.u32 %r3, tile; add.u32 %r3, %r3, %r2; ld.shared.u32 %r4, [%r3];
  mov.u32 %r5, done; mapa.shared::cluster.u32 %r6, %r5, 0; bar.sync 0;
  @!%q0 mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r6];
  setp.ne.u32 %q3, %r1, 0; @%q3 bra END;
LAST: mbarrier.try_wait.parity.acquire.cluster.shared.b64 %q2, [done], 0; @!%q2 bra LAST;
END:
  mad.lo.u32 %r7, %r1, 64, %r0; mul.wide.u32 %p2, %r7, 4; add.s64 %p0, %p0, %p2; st.global.u32 [%p0], %r4;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;)");

std::vector<int> runMulticast(const std::string& ptx, const Options& options) {
  Harness harness(options);
  std::vector<int> in(64);
  std::iota(in.begin(), in.end(), 5);
  TiledTensor tensor;
  tensor.element = Element::I32, tensor.rank = 1, tensor.dims = {64}, tensor.box = {64};
  tensor.data = harness.upload(in, "in");
  const DevicePtr out = harness.device->allocate(1024, "out");
  harness.launch(ptx, "k", {2, 2}, {64}, harness.device->encode(tensor), out);
  EXPECT_EQ(harness.device->counters().at("global.read.bytes:in"), 256u);
  return harness.download<int>(out, 256);
}

TEST(Cluster, MulticastAndRemoteArrivals) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto got = runMulticast(multicast, hopper(seed));
    for (int i = 0; i < 256; ++i)
      ASSERT_EQ(got[i], 5 + i % 64) << seed;
  }
  EXPECT_THAT(
      Harness::errorOf([&] { runMulticast(replaced(multicast, "mov.u16 %h, 15;", "mov.u16 %h, 7;"), hopper()); }),
      AllOf(HasSubstr("deadlock"), HasSubstr("block 3 of the cluster"), HasSubstr("256 bytes outstanding")));
  EXPECT_THAT(
      Harness::errorOf([&] { runMulticast(replaced(multicast, "mov.u16 %h, 15;", "mov.u16 %h, 31;"), hopper()); }),
      HasSubstr("are not all in the cluster"));
}

TEST(Cluster, ABlockStaysWhileOthersReachIt) {
  const std::string end = "st.global.u32 [%p0], %r4;\n  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;";
  const std::string last = "LAST: mbarrier.try_wait.parity.acquire.cluster.shared.b64 %q2, [done], 0; @!%q2 bra LAST;";
  const std::string open_end = replaced(multicast, end, "st.global.u32 [%p0], %r4;");
  // rank 0 waits for the arrivals of the others, and all for what rank 0 copies to them: that is enough
  for (std::uint64_t seed = 0; seed < 4; ++seed)
    EXPECT_EQ(runMulticast(open_end, hopper(seed)).size(), 256u);
  for (std::uint64_t seed = 0; seed < 4; ++seed) // found whether or not rank 0 happens to end first
    EXPECT_THAT(
        Harness::errorOf([&] { runMulticast(replaced(open_end, last, ""), hopper(seed)); }),
        testing::AnyOf(HasSubstr("the shared memory of block 0 of the cluster, which has ended"),
                       HasSubstr("accesses the shared memory of block 0 of the cluster, and nothing orders that "
                                 "before the end of this block")));
}

} // namespace
} // namespace attune::emulator
