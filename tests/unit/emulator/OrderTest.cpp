// What comes before what: between lanes of a warp, behind an asynchronous copy, across proxies, from phase to phase.
// Each kernel is right as it is, and wrong without one of its instructions.

#include "tests/unit/emulator/Hopper.h"

namespace attune::emulator {
namespace {

using testing::HasSubstr;

// a buffer of words in and out; %r0 the thread, %r1 its lane, %r2 its word of `slot`, %p2 its word of `out`
std::string textOf(const std::string& body, unsigned threads) {
  return hopperText(".param .u64 in, .param .u64 out", R"(
  .shared .align 8 .b8 full[8]; .shared .align 8 .b8 empty[8]; .shared .align 128 .b8 slot[256];
  .reg .b32 %r<16>; .reg .b64 %p<8>; .reg .b64 %s; .reg .pred %q<8>;
  ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out];
  mov.u32 %r0, %tid.x; and.b32 %r1, %r0, 31; shl.b32 %r3, %r1, 2; mov.u32 %r2, slot; add.s32 %r2, %r2, %r3;
  mul.wide.u32 %p2, %r1, 4; add.s64 %p3, %p0, %p2; add.s64 %p2, %p1, %p2;
  setp.eq.u32 %q1, %r1, 0; setp.lt.u32 %q2, %r0, 32; setp.eq.u32 %q3, %r0, 0;
  @%q3 mbarrier.init.shared::cta.b64 [full], 1;
  @%q3 mbarrier.init.shared::cta.b64 [empty], 1;
  fence.mbarrier_init.release.cluster;
  bar.sync 0;
)" + body,
                    threads);
}

/// out[0..32) for in[i] = 100 + i; `threads` is that of the text.
std::vector<unsigned> run(const std::string& text, const Options& options, unsigned threads) {
  Harness harness(options);
  std::vector<unsigned> words(64);
  for (unsigned i = 0; i < words.size(); ++i)
    words[i] = 100 + i;
  const DevicePtr in = harness.upload(words, "in"), out = harness.device->allocate(256, "out");
  harness.launch(text, "k", {1}, {threads}, in, out);
  return harness.download<unsigned>(out, 32);
}

/// The kernel runs under every seed, and out[i] is 100 + (i + turned) % 32.
void expectRight(const std::string& text, unsigned threads, unsigned turned = 0) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto got = run(text, hopper(seed), threads);
    for (unsigned i = 0; i < 32; ++i)
      ASSERT_EQ(got[i], 100 + (i + turned) % 32) << seed;
  }
}
void expectFound(const std::string& text, unsigned threads, const std::string& message) {
  for (std::uint64_t seed = 0; seed < 8; ++seed)
    EXPECT_THAT(Harness::errorOf([&] { run(text, hopper(seed), threads); }), HasSubstr(message)) << seed;
}

TEST(Order, LanesMeetBeforeTheyReadEachOthersWords) {
  const std::string text = textOf(R"(
  add.u32 %r4, %r1, 100; st.shared.u32 [%r2], %r4;
  bar.warp.sync -1;
  add.u32 %r5, %r1, 1; and.b32 %r5, %r5, 31; shl.b32 %r5, %r5, 2; mov.u32 %r6, slot; add.u32 %r6, %r6, %r5;
  ld.shared.u32 %r7, [%r6]; st.global.u32 [%p2], %r7;)",
                                  32);
  expectRight(text, 32, 1);
  expectFound(replaced(text, "bar.warp.sync -1;", ""), 32,
              "read at 0x84 and an access of another lane with no bar.warp.sync in between");
}

TEST(Order, BytesOfAWordAndAtomicsAreNoConflict) {
  const std::string text = textOf(R"(
  mov.u32 %r6, slot; add.u32 %r6, %r6, %r1; st.shared.u8 [%r6], %r1;
  mov.u32 %r7, slot; atom.shared.add.u32 %r8, [%r7+128], 1;
  add.u32 %r4, %r1, 100; st.global.u32 [%p2], %r4;)",
                                  32);
  expectRight(text, 32);
  expectFound(replaced(text, "atom.shared", "@%q1 st.shared.u32 [%r7+128], 0; atom.shared"), 32,
              "atomic access at 0x100 and an access of another lane");
}

TEST(Order, LanesMeetTheLanesThatTheyName) { // half a warp
  const std::string text = textOf(R"(
  add.u32 %r4, %r1, 100; st.shared.u32 [%r2], %r4;
  setp.lt.u32 %q5, %r1, 16;
  @%q5 bar.warp.sync 0x0000ffff;
  xor.b32 %r5, %r1, 1; shl.b32 %r5, %r5, 2; mov.u32 %r6, slot; add.u32 %r6, %r6, %r5;
  @%q5 ld.shared.u32 %r7, [%r6]; st.global.u32 [%p2], %r4;)",
                                  32);
  expectRight(text, 32);
  expectFound(replaced(text, "xor.b32 %r5, %r1, 1;", "xor.b32 %r5, %r1, 16;"), 32, "an access of another lane");
}

TEST(Order, PartsOfAWordBelongToTheirLanes) { // bf16 values are changed where they are
  const std::string text = textOf(R"(
  shl.b32 %r5, %r1, 1; mov.u32 %r6, slot; add.u32 %r6, %r6, %r5;
  st.shared.u16 [%r6], %r1;
  ld.shared.u16 %r7, [%r6]; add.u32 %r7, %r7, 50; st.shared.u16 [%r6], %r7;
  bar.sync 0;
  ld.shared.u16 %r7, [%r6]; add.u32 %r7, %r7, 50; st.shared.u16 [%r6], %r7;
  ld.shared.u16 %r7, [%r6]; st.global.u32 [%p2], %r7;)",
                                  32);
  expectRight(text, 32);
}

TEST(Order, StrongAccessesAreNoRace) { // warp 1 asks until all lanes of warp 0 have counted
  const std::string text = textOf(R"(
  mov.u32 %r6, slot; mov.u32 %r7, 0;
  @%q3 st.shared.u32 [%r6], %r7;
  bar.sync 0;
  @!%q2 bra READER;
  red.shared.add.u32 [%r6], 1;
  bra DONE;
READER:
  ld.relaxed.cta.shared.u32 %r7, [%r6]; setp.lt.u32 %q5, %r7, 32; @%q5 bra READER;
  add.u32 %r4, %r1, 100; st.global.u32 [%p2], %r4;
DONE:)",
                                  64);
  expectRight(text, 64);
  expectFound(replaced(text, "ld.relaxed.cta.shared", "ld.shared"), 64, "race on shared memory");
}

TEST(Order, LanesThatEndTellNobody) {
  const std::string text = textOf(R"(
  @!%q2 bra READER;
  add.u32 %r4, %r1, 100; st.shared.u32 [%r2], %r4;
  bar.warp.sync -1;
  @!%q1 exit;
  mbarrier.arrive.shared::cta.b64 %s, [full];
  bra DONE;
READER:
W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [full], 0; @!%q4 bra W1;
  ld.shared.u32 %r5, [%r2]; st.global.u32 [%p2], %r5;
DONE:)",
                                  64);
  expectRight(text, 64);
  expectFound(replaced(text, "bar.warp.sync -1;", ""), 64, "race on shared memory");
}

// warp 0 fills the slot, one lane says so, warp 1 reads
const std::string handing_over = R"(
  @!%q2 bra READER;
  add.u32 %r4, %r1, 100; st.shared.u32 [%r2], %r4;
  bar.warp.sync -1;
  @%q1 mbarrier.arrive.shared::cta.b64 %s, [full];
  bra DONE;
READER:
W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [full], 0; @!%q4 bra W1;
  ld.shared.u32 %r5, [%r2]; st.global.u32 [%p2], %r5;
DONE:)";

TEST(Order, AnArrivalOfOneLaneSpeaksForItselfAlone) {
  const std::string text = textOf(handing_over, 64);
  expectRight(text, 64);
  expectFound(replaced(text, "bar.warp.sync -1;", ""), 64, "and an access of warp 0 with no barrier in between");
}

TEST(Order, ACopyIsCompleteWhenItIsWaitedFor) { // not when it lands, which may be early
  const std::string text = textOf(R"(
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
    EXPECT_THAT(Harness::errorOf([&] { run(late, hopper(seed), 64); }), HasSubstr("race on shared memory")) << seed;
}

TEST(Order, AnMbarrierHearsOfTheCopiesBeforeIt) {
  const std::string text = textOf(R"(
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

TEST(Order, ABulkCopyOverwritesWhatAFenceHasSeenRead) {
  const std::string text = textOf(reuse, 64), unfenced = replaced(text, "fence.proxy.async.shared::cta;", "");
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

TEST(Order, ACopyIsKnownToThoseWhoWaitForItsMbarrier) { // each of two brings half of the slot
  const std::string text = textOf(R"(
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
      EXPECT_THAT(Harness::errorOf([&] { run(replaced(text, wait, ""), hopper(seed), 32); }),
                  testing::AnyOf(HasSubstr("to which a bulk copy is still under way"), HasSubstr("race: read")));
}

TEST(Order, EveryLaneArrivesForItself) { // lane i at barrier i: who waits for lane 0's knows of lane 0
  const std::string text = textOf(R"(
  .shared .align 8 .b8 each[256];
  mov.u32 %r6, each; shl.b32 %r7, %r1, 3; add.u32 %r6, %r6, %r7;
  @%q2 mbarrier.init.shared::cta.b64 [%r6], 1;
  bar.sync 0;
  @!%q2 bra READER;
  add.u32 %r4, %r1, 100; st.shared.u32 [%r2], %r4;
  mbarrier.arrive.shared::cta.b64 %s, [%r6];
  bra DONE;
READER:
W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [%r6], 0; @!%q4 bra W1;
  ld.shared.u32 %r5, [%r2]; st.global.u32 [%p2], %r5;
DONE:)",
                                  64);
  expectRight(text, 64);
  expectFound(replaced(text, "W1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [%r6], 0;",
                       "mov.u32 %r6, each;\nW1: mbarrier.try_wait.parity.shared::cta.b64 %q4, [%r6], 0;"),
              64, "race on shared memory");
}

} // namespace
} // namespace attune::emulator
