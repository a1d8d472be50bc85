// What comes before what among lanes of a warp, and what one of them tells others.
#include "tests/unit/emulator/Order.h"

namespace attune::emulator {
namespace {

using testing::HasSubstr;

TEST(LaneOrder, LanesMeetBeforeTheyReadEachOthersWords) {
  const std::string text = orderText(R"(
  add.u32 %r4, %r1, 100; st.shared.u32 [%r2], %r4;
  bar.warp.sync -1;
  add.u32 %r5, %r1, 1; and.b32 %r5, %r5, 31; shl.b32 %r5, %r5, 2; mov.u32 %r6, slot; add.u32 %r6, %r6, %r5;
  ld.shared.u32 %r7, [%r6]; st.global.u32 [%p2], %r7;)",
                                     32);
  expectRight(text, 32, 1);
  expectFound(replaced(text, "bar.warp.sync -1;", ""), 32,
              "read at 0x84 and an access of another lane with no bar.warp.sync in between");
}

TEST(LaneOrder, BytesOfAWordAndAtomicsAreNoConflict) {
  const std::string text = orderText(R"(
  mov.u32 %r6, slot; add.u32 %r6, %r6, %r1; st.shared.u8 [%r6], %r1;
  mov.u32 %r7, slot; atom.shared.add.u32 %r8, [%r7+128], 1;
  add.u32 %r4, %r1, 100; st.global.u32 [%p2], %r4;)",
                                     32);
  expectRight(text, 32);
  expectFound(replaced(text, "atom.shared", "@%q1 st.shared.u32 [%r7+128], 0; atom.shared"), 32,
              "atomic access at 0x100 and an access of another lane");
}

TEST(LaneOrder, LanesMeetTheLanesThatTheyName) { // half a warp
  const std::string text = orderText(R"(
  add.u32 %r4, %r1, 100; st.shared.u32 [%r2], %r4;
  setp.lt.u32 %q5, %r1, 16;
  @%q5 bar.warp.sync 0x0000ffff;
  xor.b32 %r5, %r1, 1; shl.b32 %r5, %r5, 2; mov.u32 %r6, slot; add.u32 %r6, %r6, %r5;
  @%q5 ld.shared.u32 %r7, [%r6]; st.global.u32 [%p2], %r4;)",
                                     32);
  expectRight(text, 32);
  expectFound(replaced(text, "xor.b32 %r5, %r1, 1;", "xor.b32 %r5, %r1, 16;"), 32, "an access of another lane");
}

TEST(LaneOrder, PartsOfAWordBelongToTheirLanes) { // bf16 values are changed where they are
  const std::string text = orderText(R"(
  shl.b32 %r5, %r1, 1; mov.u32 %r6, slot; add.u32 %r6, %r6, %r5;
  st.shared.u16 [%r6], %r1;
  ld.shared.u16 %r7, [%r6]; add.u32 %r7, %r7, 50; st.shared.u16 [%r6], %r7;
  bar.sync 0;
  ld.shared.u16 %r7, [%r6]; add.u32 %r7, %r7, 50; st.shared.u16 [%r6], %r7;
  ld.shared.u16 %r7, [%r6]; st.global.u32 [%p2], %r7;)",
                                     32);
  expectRight(text, 32);
}

TEST(LaneOrder, StrongAccessesAreNoRace) { // warp 1 asks until all lanes of warp 0 have counted
  const std::string text = orderText(R"(
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

TEST(LaneOrder, LanesThatEndTellNobody) {
  const std::string text = orderText(R"(
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

TEST(LaneOrder, AnArrivalOfOneLaneSpeaksForItselfAlone) {
  const std::string text = orderText(handing_over, 64);
  expectRight(text, 64);
  expectFound(replaced(text, "bar.warp.sync -1;", ""), 64, "and an access of warp 0 with no barrier in between");
}

TEST(LaneOrder, EveryLaneArrivesForItself) { // lane i at barrier i: who waits for lane 0's knows of lane 0
  const std::string text = orderText(R"(
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

TEST(LaneOrder, MatricesBelongToAllLanes) { // each has elements of rows that others stored
  const std::string text = orderText(R"(
  mov.u32 %r6, slot; and.b32 %r7, %r1, 7; shl.b32 %r7, %r7, 4; add.u32 %r6, %r6, %r7; add.u32 %r4, %r1, 100;
  stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r6], {%r4};
  bar.warp.sync -1;
  ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r8}, [%r6];
  st.global.u32 [%p2], %r8;)",
                                     32);
  expectRight(text, 32);
  expectFound(replaced(text, "bar.warp.sync -1;", ""), 32,
              "an access of another lane with no bar.warp.sync in between");
}

} // namespace
} // namespace attune::emulator
