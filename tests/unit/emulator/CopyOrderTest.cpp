// When the checks take an asynchronous copy for done, and what may overwrite what across proxies.
#include "tests/unit/emulator/Order.h"

namespace attune::emulator {
namespace {

using testing::HasSubstr;

TEST(CopyOrder, ACopyIsCompleteWhenItIsWaitedFor) { // not when it lands, which may be early
  const std::string text = orderText(R"(
  @!%q2 bra READER;
  cp.async.ca.shared.global [%r2], [%p3], 4; cp.async.commit_group;
  cp.async.wait_group 0;
  bar.warp.sync -1;
  @%q1 mbarrier.arrive.shared::cta.b64 %s, [full];
  bra DONE;
READER:
W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [full], 0; @!%q4 bra W1;
  ld.shared.u32 %r5, [%r2]; st.global.u32 [%p2], %r5;
DONE:)",
                                     64);
  expectRight(text, 64);
  const std::string late =
      replaced(replaced(text, "cp.async.wait_group 0;", ""), "  bra DONE;", "  cp.async.wait_group 0; bra DONE;");
  for (std::uint64_t seed = 0; seed < 8; ++seed) // whoever comes second is told; before the copy lands it is poison
    EXPECT_THAT(Harness::errorOf([&] { runOrder(late, hopper(seed), 64); }), HasSubstr("race on shared memory"))
        << seed;
}

TEST(CopyOrder, AnMbarrierHearsOfTheCopiesBeforeIt) {
  const std::string text = orderText(R"(
  @!%q2 bra READER;
  @!%q1 bra DONE;
  cp.async.ca.shared.global [%r2], [%p3], 16;
  cp.async.mbarrier.arrive.noinc.shared::cta.b64 [full];
  bra DONE;
READER:
W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [full], 0; @!%q4 bra W1;
  setp.lt.u32 %q5, %r1, 4; add.u32 %r5, %r1, 100; @%q5 ld.shared.u32 %r5, [%r2]; st.global.u32 [%p2], %r5;
DONE:)",
                                     64);
  expectRight(text, 64);
  const std::string swapped = replaced(
      replaced(text, "cp.async.ca.shared.global [%r2], [%p3], 16;", ""), "arrive.noinc.shared::cta.b64 [full];",
      "arrive.noinc.shared::cta.b64 [full]; cp.async.ca.shared.global [%r2], [%p3], 16; cp.async.wait_all;");
  expectFound(swapped, 64, "race on shared memory");
}

// warp 0 reads the slot, one lane gives it back, one of warp 1 has it filled by a bulk copy
const std::string reuse = R"(
  @!%q2 bra COPIER;
  ld.shared.u32 %r5, [%r2+128];
  fence.proxy.async.shared::cta;
  bar.warp.sync -1;
  @%q1 mbarrier.arrive.shared::cta.b64 %s, [empty];
W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [full], 0; @!%q4 bra W1;
  ld.shared.u32 %r5, [%r2+128]; st.global.u32 [%p2], %r5;
  bra DONE;
COPIER:
  @!%q1 bra DONE;
W2: mbarrier.try_wait.parity.shared::cta.b64 %q4, [empty], 0; @!%q4 bra W2;
  mbarrier.arrive.expect_tx.shared::cta.b64 %s, [full], 128;
  mov.u32 %r6, slot;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r6+128], [%p0], 128, [full];
DONE:)";

TEST(CopyOrder, ABulkCopyOverwritesWhatAFenceHasSeenRead) {
  const std::string text = orderText(reuse, 64), unfenced = replaced(text, "fence.proxy.async.shared::cta;", "");
  expectRight(text, 64);
  expectFound(unfenced, 64,
              "a bulk copy writes to shared memory at offset 256, which a warp read with ordinary loads, and no "
              "fence.proxy.async lies in between");
  expectFound(replaced(unfenced, "ld.shared.u32 %r5, [%r2+128];\n  \n", "st.shared.u32 [%r2+128], 7;\n"), 64,
              "which a warp wrote with ordinary stores");
  expectFound(replaced(text, "bar.warp.sync -1;", ""), 64, "a bulk copy's write of shared memory");
  const std::string copiers =
      replaced(unfenced, "  mbarrier.arrive.expect_tx", "  fence.proxy.async.shared::cta; mbarrier.arrive.expect_tx");
  expectRight(copiers, 64); // who learns of the reads may order them, too
  expectFound(replaced(unfenced, "W2: mbarrier", "  fence.proxy.async.shared::cta;\nW2: mbarrier"), 64,
              "which a warp read");
}

TEST(CopyOrder, ACopyIsKnownToThoseWhoWaitForItsMbarrier) { // each of two brings half of the slot
  const std::string text = orderText(R"(
  mov.u32 %r6, slot; @!%q3 bra WAIT;
  mbarrier.arrive.expect_tx.shared::cta.b64 %s, [full], 64;
  mbarrier.arrive.expect_tx.shared::cta.b64 %s, [empty], 64;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r6], [%p0], 64, [full];
  add.s64 %p4, %p0, 64;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r6+64], [%p4], 64, [empty];
WAIT:
W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [full], 0; @!%q4 bra W1;
W2: mbarrier.try_wait.parity.shared::cta.b64 %q4, [empty], 0; @!%q4 bra W2;
  ld.shared.u32 %r5, [%r2]; st.global.u32 [%p2], %r5;)",
                                     32);
  expectRight(text, 32);
  for (const char* wait : {"W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [full], 0; @!%q4 bra W1;",
                           "W2: mbarrier.try_wait.parity.shared::cta.b64 %q4, [empty], 0; @!%q4 bra W2;"})
    for (std::uint64_t seed = 0; seed < 8; ++seed)
      EXPECT_THAT(Harness::errorOf([&] { runOrder(replaced(text, wait, ""), hopper(seed), 32); }),
                  testing::AnyOf(HasSubstr("to which a bulk copy is still under way"), HasSubstr("race: read")));
}

TEST(CopyOrder, AWarpOfOneLaneIsThatLane) {
  const std::string text = orderText(R"(
  mov.u32 %r5, 7; st.shared.u32 [%r2+128], %r5;
  cp.async.ca.shared.global [%r2], [%p3], 4;
  cp.async.mbarrier.arrive.noinc.shared::cta.b64 [full];
W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [full], 0; @!%q4 bra W1;
  ld.shared.u32 %r5, [%r2]; st.shared.u32 [%r2], %r5;
  fence.proxy.async.shared::cta;
  mov.u32 %r6, slot;
  cp.async.bulk.global.shared::cta.bulk_group [%p1], [%r6], 16; cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;)",
                                     1);
  for (std::uint64_t seed = 0; seed < 8; ++seed)
    EXPECT_EQ(runOrder(text, hopper(seed), 1)[0], 100u) << seed;
}

TEST(CopyOrder, AnArrivalThatLandsLaterIsThatOfWhoAskedForIt) { // whatever its warp does by then
  const std::string text = orderText(R"(
  .shared .align 8 .b8 own[8];
  @!%q1 bra REST;
  mbarrier.init.shared::cta.b64 [own], 1;
  cp.async.ca.shared.global [%r2], [%p3], 16;
  cp.async.mbarrier.arrive.noinc.shared::cta.b64 [own];
W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [own], 0; @!%q4 bra W1;
  ld.shared.u32 %r5, [%r2]; st.global.u32 [%p2], %r5;
  bra DONE;
REST:
  add.u32 %r5, %r1, 100; mov.u32 %r7, 0;
L: add.u32 %r7, %r7, 1; setp.lt.u32 %q5, %r7, 40; @%q5 bra L;
  st.global.u32 [%p2], %r5;
DONE:)",
                                     32);
  expectRight(text, 32);
}

TEST(CopyOrder, AStoreIsReadWhenItsOwnLaneHasWaited) { // lane 1 overwrites what lane 0 stores
  const std::string text = orderText(R"(
  mov.u32 %r6, slot; add.u32 %r4, %r1, 100; st.shared.u32 [%r2], %r4;
  fence.proxy.async.shared::cta; bar.warp.sync -1;
  @%q1 cp.async.bulk.global.shared::cta.bulk_group [%p1], [%r6], 128; @%q1 cp.async.bulk.commit_group;
  @%q1 cp.async.bulk.wait_group 0;
  bar.warp.sync -1;
  setp.eq.u32 %q5, %r1, 1; @!%q5 bra DONE;
  add.s64 %p4, %p1, 128; add.u32 %r7, %r6, 0;
  cp.async.bulk.global.shared::cta.bulk_group [%p4], [%r7+64], 64; cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
  st.shared.u32 [%r6], %r4;
DONE:)",
                                     32);
  expectRight(text, 32);
  const std::string spoiled = replaced(replaced(text, "  @%q1 cp.async.bulk.wait_group 0;\n", ""),
                                       "DONE:", "DONE: @%q1 cp.async.bulk.wait_group 0;");
  expectFound(spoiled, 32, "write of shared memory at offset 128 and a read by wgmma or a bulk copy");
}

} // namespace
} // namespace attune::emulator
