// Bulk copies of plain memory in a cluster: from shared memory to shared memory, and from global memory to many blocks.

#include "tests/unit/emulator/Hopper.h"

#include <numeric>

namespace attune::emulator {
namespace {

using testing::HasSubstr;

// Each block sends rank * 1000 + thread to the next one, which hands it out.
const std::string copy =
    "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%r4], [from], 256, [%r5];";
const std::string exchange = clusterText(".param .u64 in, .param .u64 out", R"(
  .shared .align 16 .b8 from[256]; .shared .align 16 .b8 to[256]; .shared .align 8 .b8 bar[8];
  .reg .b32 %r<16>; .reg .b64 %p<4>; .reg .pred %q<4>; .reg .b16 %h;
  ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out]; mov.u32 %r0, %tid.x; mov.u32 %r1, %cluster_ctarank;
  setp.ne.u32 %q0, %r0, 0; add.u32 %r2, %r1, 1; and.b32 %r2, %r2, 3; mov.u16 %h, 15;
  shl.b32 %r3, %r0, 2; mov.u32 %r6, from; add.u32 %r6, %r6, %r3; mov.u32 %r7, to; add.u32 %r7, %r7, %r3;
  mad.lo.u32 %r8, %r1, 1000, %r0; st.shared.u32 [%r6], %r8;
  mov.u32 %r4, to; mapa.shared::cluster.u32 %r4, %r4, %r2; mov.u32 %r5, bar; mapa.shared::cluster.u32 %r5, %r5, %r2;
  fence.proxy.async.shared::cta;
  @%q0 bra READY;
  mbarrier.init.shared.b64 [bar], 1; fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared.b64 _, [bar], 256;
READY:
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  @%q0 bra WAIT;
  )" + copy + R"(
WAIT: mbarrier.try_wait.parity.acquire.cluster.shared.b64 %q2, [bar], 0; @!%q2 bra WAIT;
  ld.shared.u32 %r9, [%r7];
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  st.shared.u32 [%r6], 5;
  mad.lo.u32 %r10, %r1, 64, %r0; mul.wide.u32 %p2, %r10, 4; add.s64 %p1, %p1, %p2; st.global.u32 [%p1], %r9;)");

std::vector<unsigned> run(const std::string& ptx, const Options& options) {
  Harness harness(options);
  std::vector<unsigned> in(64);
  std::iota(in.begin(), in.end(), 7u);
  const DevicePtr out = harness.device->allocate(1024, "out");
  harness.launch(ptx, "k", {2, 2}, {64}, harness.upload(in, "in"), out);
  return harness.download<unsigned>(out, 256);
}
std::string errorOf(const std::string& ptx, const Options& options = hopper()) {
  return Harness::errorOf([&] { run(ptx, options); });
}

TEST(BulkCluster, SharedMemoryToAnotherBlock) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto got = run(exchange, hopper(seed));
    for (unsigned i = 0; i < 256; ++i)
      ASSERT_EQ(got[i], (i / 64 + 3) % 4 * 1000 + i % 64) << seed;
  }
}

TEST(BulkCluster, PlainMemoryToManyBlocks) {
  const std::string multicast =
      replaced(exchange, copy,
               "setp.ne.u32 %q3, %r1, 2; @!%q3 "
               "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
               "[to], [%p0], 256, [bar], %h;");
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto got = run(multicast, hopper(seed));
    for (unsigned i = 0; i < 256; ++i)
      ASSERT_EQ(got[i], 7 + i % 64) << seed;
  }
  EXPECT_THAT(errorOf(replaced(multicast, "mov.u16 %h, 15;", "mov.u16 %h, 11;")), HasSubstr("256 bytes outstanding"));
}

TEST(BulkCluster, TheSourceIsReadAsLateAsLegal) {
  const std::string late = replaced(exchange, copy, copy + " st.shared.u32 [from+4], 77;");
  EXPECT_THAT(errorOf(late), HasSubstr("race"));
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const auto got = run(late, {.target = "sm_90a", .seed = seed});
    for (unsigned rank = 0; rank < 4; ++rank)
      EXPECT_EQ(got[rank * 64 + 1], 77u);
  }
}

TEST(BulkCluster, PlantedBugsAreFound) {
  const auto spoiled = [](const std::string& what, const std::string& by) {
    return errorOf(replaced(exchange, copy, replaced(copy, what, by)));
  };
  EXPECT_THAT(errorOf(replaced(exchange, "and.b32 %r2, %r2, 3;", "mov.u32 %r2, %r1;")),
              HasSubstr("goes from this block's to another one's"));
  EXPECT_THAT(spoiled("[from]", "[%r4]"), HasSubstr("goes from this block's to another one's"));
  EXPECT_THAT(spoiled("[%r5]", "[bar]"), HasSubstr("to one block with the mbarrier of another"));
  EXPECT_THAT(spoiled("[from]", "[from+8]"), HasSubstr("must be multiples of 16"));
  EXPECT_THAT(spoiled("[%r4]", "[%r4+8]"), HasSubstr("must be multiples of 16"));
  EXPECT_THAT(spoiled("256", "248"), HasSubstr("must be multiples of 16"));
  EXPECT_THAT(spoiled("256", "0"), HasSubstr("must be multiples of 16"));
  EXPECT_THAT(spoiled("256", "528"), HasSubstr("and inside of it"));
  EXPECT_THAT(spoiled("[%r4], [from], 256", "[%r4+16], [from], 256"), HasSubstr("of shared memory, which has 520"));
  EXPECT_THAT(errorOf(replaced(exchange, "fence.proxy.async.shared::cta;", "")),
              HasSubstr("a warp wrote with ordinary stores, and no fence.proxy.async lies in between"));
  // a cluster's barrier orders the source's next store behind the copy, a block's does not
  EXPECT_THAT(errorOf(replaced(exchange, "[%r7];\n  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;",
                               "[%r7];\n  bar.sync 0;")),
              HasSubstr("race"));
  const auto form = [](const std::string& rest) { // that PTX has not
    return errorOf(
        replaced(exchange, copy, "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes" + rest));
  };
  EXPECT_THAT(form(".multicast::cluster [%r4], [from], 256, [%r5], %h;"), HasSubstr("these spaces"));
  EXPECT_THAT(form(".bulk_group [%r4], [from], 256, [%r5];"), HasSubstr("not supported with '.bulk_group'"));
}

} // namespace
} // namespace attune::emulator
