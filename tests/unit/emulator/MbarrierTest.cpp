// mbarriers, roles of warps and what belongs to them; each bug is planted in a kernel that runs without it.

#include "tests/unit/emulator/Hopper.h"

#include <set>

namespace attune::emulator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Two warps hand a word to and fro: warp 0 writes round * 10 + lane when `empty` lets it, warp 1 adds up what it sees.
const std::string ring = hopperText(".param .u64 out, .param .u32 rounds", R"(
  .shared .align 8 .b8 full[8]; .shared .align 8 .b8 empty[8]; .shared .align 4 .b8 slot[128];
  .reg .b32 %r<16>; .reg .b64 %p<4>; .reg .pred %q<4>; .reg .b64 %s;
  ld.param.u64 %p0, [out]; ld.param.u32 %r1, [rounds];
  mov.u32 %r0, %tid.x; and.b32 %r2, %r0, 31; shl.b32 %r3, %r2, 2; mov.u32 %r4, slot; add.s32 %r4, %r4, %r3;
  setp.ne.u32 %q0, %r0, 0; @%q0 bra READY;
  mbarrier.init.shared::cta.b64 [full], 32;
  mbarrier.init.shared::cta.b64 [empty], 1;
READY:
  bar.sync 0;
  mov.u32 %r5, 0; mov.u32 %r6, 0;
  setp.ge.u32 %q1, %r0, 32; @%q1 bra CONSUMER;
PRODUCER:
  and.b32 %r7, %r5, 1; xor.b32 %r8, %r7, 1;
W1: mbarrier.try_wait.parity.shared::cta.b64 %q2, [empty], %r8; @!%q2 bra W1;
  mad.lo.u32 %r9, %r5, 10, %r2; st.shared.u32 [%r4], %r9;
  mbarrier.arrive.release.cta.shared::cta.b64 %s, [full];
  add.u32 %r5, %r5, 1; setp.lt.u32 %q3, %r5, %r1; @%q3 bra PRODUCER;
  bra DONE;
CONSUMER:
  and.b32 %r7, %r5, 1;
W2: mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %q2, [full], %r7, 1000; @!%q2 bra W2;
  ld.shared.u32 %r9, [%r4]; add.u32 %r6, %r6, %r9;
  bar.warp.sync -1;
  setp.eq.u32 %q3, %r2, 0; @%q3 mbarrier.arrive.shared::cta.b64 _, [empty];
  add.u32 %r5, %r5, 1; setp.lt.u32 %q3, %r5, %r1; @%q3 bra CONSUMER;
  mov.u32 %r10, %ctaid.x; mad.lo.u32 %r10, %r10, 32, %r2;
  mul.wide.u32 %p1, %r10, 4; add.s64 %p1, %p0, %p1; st.global.u32 [%p1], %r6;
DONE:)",
                                    64);

std::vector<unsigned> runRing(const std::string& ptx, const Options& options, unsigned rounds = 7) {
  Harness harness(options);
  const DevicePtr out = harness.device->allocate(256, "out");
  harness.launch(ptx, "k", {2}, {64}, out, rounds);
  return harness.download<unsigned>(out, 64);
}

TEST(Mbarrier, OrdersARingUnderEverySeed) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto got = runRing(ring, hopper(seed));
    for (unsigned i = 0; i < 64; ++i) // of two blocks
      ASSERT_EQ(got[i], 10 * 21 + 7 * (i % 32)) << seed;
  }
}

TEST(Mbarrier, AWrongPhaseIsADeadlock) { // the producer's first wait must ask for the parity of the phase before
  const std::string spoiled = replaced(ring, "xor.b32 %r8, %r7, 1;", "mov.u32 %r8, %r7;");
  EXPECT_THAT(
      Harness::errorOf([&] { runRing(spoiled, hopper()); }),
      AllOf(HasSubstr("deadlock"),
            HasSubstr("waits for parity 0 of the mbarrier at offset 8 ('empty'+0) in phase 0: "
                      "0 of 1 arrived"),
            HasSubstr("waits for parity 0 of the mbarrier at offset 0 ('full'+0) in phase 0: 0 of 32 arrived")));
  const std::string consumer =
      replaced(ring, "CONSUMER:\n  and.b32 %r7, %r5, 1;", "CONSUMER:\n  not.b32 %r7, %r5; and.b32 %r7, %r7, 1;");
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    EXPECT_THAT(Harness::errorOf([&] { runRing(consumer, hopper(seed)); }), HasSubstr("deadlock"));
}

// A barrier that is waited for too early lets the store through to a reader: the clocks see it under every schedule.
TEST(Mbarrier, AStoreThatNoWaitOrdersIsARace) {
  const std::string spoiled =
      replaced(ring, "W1: mbarrier.try_wait.parity.shared::cta.b64 %q2, [empty], %r8; @!%q2 bra W1;", "");
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    EXPECT_THAT(Harness::errorOf([&] { runRing(spoiled, hopper(seed)); }),
                testing::AnyOf(HasSubstr("race on shared memory"), HasSubstr("deadlock"),
                               HasSubstr("nobody has waited for the end of the phase before")));
}

TEST(Mbarrier, AMissingArrivalIsADeadlock) {
  const std::string spoiled = replaced(ring, "@%q3 mbarrier.arrive.shared::cta.b64 _, [empty];", "");
  EXPECT_THAT(Harness::errorOf([&] { runRing(spoiled, hopper()); }),
              AllOf(HasSubstr("deadlock"), HasSubstr("warp 0"), HasSubstr("'empty'+0"), HasSubstr("0 of 1 arrived"),
                    HasSubstr("warp 1"), HasSubstr("'full'+0")));
}

/// The error of a kernel of one warp with an initialised mbarrier `bar` of 2 arrivals.
std::string errorOf(const std::string& body) {
  return Harness::errorOf([&] {
    Harness harness(hopper());
    harness.launch(hopperText("", ".shared .align 8 .b8 bar[16]; .reg .b64 %s<4>; .reg .pred %q<4>; .reg .b32 %r<8>;\n"
                                  "mov.u32 %r0, %laneid; setp.eq.u32 %q0, %r0, 0;\n@%q0 mbarrier.init.shared.b64 "
                                  "[bar], 2; bar.warp.sync -1;\n" +
                                      body),
                   "k", {1}, {32});
  });
}

TEST(Mbarrier, RefusesMisuse) {
  EXPECT_THAT(errorOf("@%q0 mbarrier.arrive.shared.b64 %s0, [bar], 2; @%q0 mbarrier.arrive.shared.b64 %s0, [bar];"),
              HasSubstr("an arrival at the mbarrier at offset 0 in phase 1: nobody has waited for the end of the phase "
                        "before"));
  EXPECT_THAT(errorOf("@%q0 mbarrier.init.shared.b64 [bar+8], 1; mbarrier.arrive.shared.b64 %s0, [bar+8];"),
              HasSubstr("its initialisation is not ordered before"));
  EXPECT_THAT(errorOf("@%q0 mbarrier.init.shared.b64 [bar], 2;"), HasSubstr("mbarrier.inval first"));
  EXPECT_THAT(errorOf("@%q0 mbarrier.arrive.shared.b64 %s0, [bar], 3;"),
              HasSubstr("which waits for 2 more in this phase"));
  EXPECT_THAT(errorOf("@%q0 mbarrier.arrive.noComplete.shared.b64 %s0, [bar], 2;"), HasSubstr("noComplete"));
  EXPECT_THAT(errorOf("@%q0 st.shared.u32 [bar+4], 1;"), HasSubstr("write over the mbarrier at offset 0"));
  EXPECT_THAT(errorOf("@%q0 mbarrier.inval.shared.b64 [bar]; @%q0 mbarrier.arrive.shared.b64 %s0, [bar];"),
              HasSubstr("no mbarrier is initialised at offset 0"));
  EXPECT_THAT(errorOf("@%q0 mbarrier.expect_tx.relaxed.cta.shared.b64 [bar], 1048576;"),
              HasSubstr("transaction count"));
  EXPECT_THAT(errorOf("mov.b64 %s0, 0; mbarrier.test_wait.shared.b64 %q1, [bar], %s0;"),
              HasSubstr("a state that no mbarrier.arrive returned"));
}

/// %r9 of each of `threads` threads.
std::vector<unsigned> results(const std::string& body, unsigned threads, const Options& options = hopper()) {
  Harness harness(options);
  const DevicePtr out = harness.device->allocate(std::size_t{threads} * 4, "out");
  const std::string head =
      ".reg .b32 %r<32>; .reg .b64 %p<8>; .reg .b64 %s<4>; .reg .pred %q<8>; .shared .align 8 .b8 bar[16];"
      "ld.param.u64 %p0, [out]; mov.u32 %r0, %tid.x; mul.wide.u32 %p1, %r0, 4; add.s64 %p0, %p0, %p1;"
      "setp.eq.u32 %q0, %r0, 0; mov.u32 %r9, 0;\n";
  harness.launch(hopperText(".param .u64 out", head + body + "\nst.global.u32 [%p0], %r9;", threads), "k", {1},
                 {threads}, out);
  return harness.download<unsigned>(out, threads);
}

TEST(Mbarrier, StatesCountsAndTransactions) {
  const auto got = results(R"(
    @!%q0 bra END;
    mbarrier.init.shared.b64 [bar], 3;
    mbarrier.arrive.noComplete.shared.b64 %s0, [bar], 1;
    mbarrier.pending_count.b64 %r3, %s0; mov.u32 %r9, %r3;                 // 3
    mbarrier.arrive.expect_tx.shared.b64 %s1, [bar], 100;
    mbarrier.arrive_drop.shared.b64 %s2, [bar];
    mbarrier.test_wait.shared.b64 %q1, [bar], %s1; @%q1 add.u32 %r9, %r9, 1000;
    mbarrier.complete_tx.relaxed.cta.shared.b64 [bar], 100;
    mbarrier.test_wait.shared.b64 %q1, [bar], %s1; @%q1 add.u32 %r9, %r9, 10;
    mbarrier.arrive.shared.b64 %s0, [bar], 2;                              // one was dropped
    mbarrier.try_wait.shared.b64 %q1, [bar], %s0; @%q1 add.u32 %r9, %r9, 100;
    mbarrier.test_wait.parity.shared.b64 %q1, [bar], 1; @%q1 add.u32 %r9, %r9, 200;
    mbarrier.inval.shared.b64 [bar];
    END:)",
                           32);
  EXPECT_EQ(got[0], 313u);
}

TEST(Mbarrier, LanesOfOneWarpMayWaitForOneAnother) {
  const auto got = results(R"(
    @%q0 mbarrier.init.shared.b64 [bar], 1; bar.warp.sync -1;
    @!%q0 bra WAIT;
    mov.u32 %r9, 5; mbarrier.arrive.shared.b64 %s0, [bar]; bra END;
    WAIT: mbarrier.try_wait.parity.shared.b64 %q1, [bar], 0; @!%q1 bra WAIT; mov.u32 %r9, 7;
    END:)",
                           32, {.target = "sm_90a"});
  EXPECT_EQ(got[0], 5u);
  EXPECT_EQ(got[31], 7u);
  const std::string spoiled = "@%q0 mbarrier.init.shared.b64 [bar], 1; bar.warp.sync -1; @!%q0 bra WAIT;\n"
                              "ONE: mbarrier.try_wait.parity.shared.b64 %q1, [bar], 0; @!%q1 bra ONE; bra END;\n"
                              "WAIT: mbarrier.try_wait.parity.shared.b64 %q1, [bar], 0; @!%q1 bra WAIT; END:";
  EXPECT_THAT(Harness::errorOf([&] { results(spoiled, 32, {.target = "sm_90a"}); }), HasSubstr("deadlock"));
}

TEST(Mbarrier, ArrivesWhenCopiesHaveLanded) {
  Harness harness(hopper());
  const DevicePtr in = harness.upload(std::vector<unsigned>(32, 41), "in"), out = harness.device->allocate(128, "out");
  harness.launch(hopperText(".param .u64 in, .param .u64 out", R"(
    .shared .align 8 .b8 bar[8]; .shared .align 16 .b8 tile[128]; .reg .b32 %r<8>; .reg .b64 %p<4>; .reg .pred %q<2>;
    ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out]; mov.u32 %r0, %tid.x; setp.eq.u32 %q0, %r0, 0;
    mul.wide.u32 %p2, %r0, 4; add.s64 %p0, %p0, %p2; add.s64 %p1, %p1, %p2; shl.b32 %r1, %r0, 2; mov.u32 %r2, tile;
    add.s32 %r2, %r2, %r1;
    @%q0 mbarrier.init.shared.b64 [bar], 32; bar.sync 0;
    cp.async.ca.shared.global [%r2], [%p0], 4;
    cp.async.mbarrier.arrive.noinc.shared::cta.b64 [bar];
    W: mbarrier.try_wait.parity.shared.b64 %q1, [bar], 0; @!%q1 bra W;
    ld.shared.u32 %r3, [%r2]; add.u32 %r3, %r3, 1; st.global.u32 [%p1], %r3;)"),
                 "k", {1}, {32}, in, out);
  EXPECT_THAT(harness.download<unsigned>(out, 32), testing::Each(42u));
}

TEST(Roles, ElectsOneLane) {
  std::set<unsigned> leaders;
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    const auto got =
        results("elect.sync %r3|%q1, 0xffffffff; mov.u32 %r9, %r3; @%q1 add.u32 %r9, %r9, 100;", 32, hopper(seed));
    const unsigned leader = got[0] % 100;
    for (unsigned lane = 0; lane < 32; ++lane)
      ASSERT_EQ(got[lane], lane == leader ? leader + 100 : leader);
    leaders.insert(leader);
  }
  EXPECT_GT(leaders.size(), 4u) << "PTX does not say which lane it is";
}

TEST(Roles, ElectsTheLowestLaneWhereThatIsAskedFor) {
  Options options = hopper(3);
  options.lowest_leader = true;
  const auto got = results("setp.lt.u32 %q2, %r0, 5; @%q2 bra END; elect.sync %r3|%q1, 0xffffffe0; mov.u32 %r9, %r3; "
                           "@%q1 add.u32 %r9, %r9, 100; END:",
                           32, options);
  for (unsigned lane = 0; lane < 32; ++lane)
    ASSERT_EQ(got[lane], lane < 5 ? 0u : lane == 5 ? 105u : 5u);
}

const std::string roles = R"(
    setp.ge.u32 %q1, %r0, 128; @%q1 bra CONSUMER;
    setmaxnreg.dec.sync.aligned.u32 24; mov.u32 %r9, 1; bra END;
    CONSUMER: setmaxnreg.inc.sync.aligned.u32 240; mov.u32 %r9, 2; END:)";

TEST(Roles, RegistersMoveBetweenWarps) { // 384 threads have 168 each: 64512 = 128 * 24 + 256 * 240
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    EXPECT_EQ(results(roles, 384, hopper(seed))[383], 2u);
}

TEST(Roles, MoreRegistersThanThePoolHasIsADeadlock) {
  EXPECT_THAT(
      Harness::errorOf([&] { results(replaced(roles, "dec.sync.aligned.u32 24", "dec.sync.aligned.u32 32"), 384); }),
      AllOf(HasSubstr("deadlock"), HasSubstr("240 registers per thread: the pool of 64512 has")));
  EXPECT_THAT(
      Harness::errorOf([&] { results(replaced(roles, "inc.sync.aligned.u32 240", "inc.sync.aligned.u32 104"), 384); }),
      HasSubstr("by a warp that has 168"));
}

} // namespace
} // namespace attune::emulator
