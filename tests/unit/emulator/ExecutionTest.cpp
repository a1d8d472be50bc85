// Control flow, warps that talk, barriers, atomics, counters, and that a seed decides everything.

#include "tests/unit/emulator/Harness.h"

#include <algorithm>
#include <numeric>

namespace attune::emulator {
namespace {

/// Runs `body` with %r0 = thread, %p0 = where this thread stores its result (4 bytes each).
std::vector<unsigned> results(const std::string& body, unsigned threads, const Options& options = {},
                              unsigned blocks = 1) {
  Harness harness(options);
  const DevicePtr out = harness.device->allocate(std::size_t{threads} * blocks * 4, "out");
  const std::string head = ".reg .b32 %r<32>; .reg .b64 %p<8>; .reg .pred %q<8>; ld.param.u64 %p0, [out]; mov.u32 %r0, "
                           "%tid.x; mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mad.lo.s32 %r1, %r1, %r2, %r0; "
                           "mul.wide.u32 %p1, %r1, 4; add.s64 %p0, %p0, %p1;\n";
  harness.launch(kernelText(".param .u64 out", head + body + "\nst.global.u32 [%p0], %r9;"), "k", {blocks}, {threads},
                 out);
  return harness.download<unsigned>(out, std::size_t{threads} * blocks);
}

TEST(Divergence, LoopsOfDifferentLengthReconverge) {
  // each lane loops as often as its number says; then all of them must meet for the sum
  const auto got = results("mov.u32 %r9, 0; mov.u32 %r3, %r0; L: setp.eq.u32 %q0, %r3, 0; @%q0 bra E; add.u32 %r9, "
                           "%r9, %r3; sub.u32 %r3, %r3, 1; bra L; E: redux.sync.add.u32 %r9, %r9, -1;",
                           32);
  unsigned total = 0;
  for (unsigned i = 0; i < 32; ++i)
    total += i * (i + 1) / 2;
  EXPECT_THAT(got, testing::Each(total));
}

TEST(Divergence, BranchesBackAndForthMeetAtASync) {
  // odd lanes take a path that lies behind the meeting point
  const auto got =
      results("and.b32 %r3, %r0, 1; setp.eq.u32 %q0, %r3, 1; @%q0 bra FAR; mov.u32 %r4, 10; bra MEET; MEET: "
              "shfl.sync.bfly.b32 %r9, %r4, 1, 31, -1; bra END; FAR: mov.u32 %r4, 20; bra MEET; END:",
              32);
  for (unsigned lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane % 2 == 0 ? 20u : 10u);
}

TEST(Divergence, LanesOfOneWarpCanWaitForOneAnother) {
  // lane 1 spins on what lane 0 writes: forward progress of each thread (sm_70 and later)
  const auto got =
      results(".shared .align 4 .b8 flag[4]; setp.eq.u32 %q0, %r0, 0; @%q0 st.shared.u32 [flag], 0; bar.warp.sync -1; "
              "@%q0 bra FIRST; SPIN: ld.volatile.shared.u32 %r3, [flag]; setp.ne.u32 %q1, %r3, 7; @%q1 bra SPIN; "
              "mov.u32 %r9, 1; bra END; FIRST: mov.u32 %r9, 2; st.volatile.shared.u32 [flag], 7; END:",
              32);
  EXPECT_EQ(got[0], 2u);
  EXPECT_EQ(got[1], 1u);
}

TEST(Warp, ShufflesOfAllModes) {
  const auto up = results("shfl.sync.up.b32 %r9|%q0, %r0, 3, 0, -1; @!%q0 mov.u32 %r9, 99;", 32);
  const auto down = results("shfl.sync.down.b32 %r9|%q0, %r0, 3, 31, -1; @!%q0 mov.u32 %r9, 99;", 32);
  const auto index = results("shfl.sync.idx.b32 %r9, %r0, 5, 0x181f, -1;", 32); // segments of 8
  for (unsigned lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(up[lane], lane < 3 ? 99 : lane - 3);
    EXPECT_EQ(down[lane], lane > 28 ? 99 : lane + 3);
    EXPECT_EQ(index[lane], lane / 8 * 8 + 5);
  }
}

TEST(Warp, VotesMatchesAndMasks) {
  const auto ballot = results("setp.lt.u32 %q0, %r0, 5; vote.sync.ballot.b32 %r9, %q0, -1;", 32);
  EXPECT_THAT(ballot, testing::Each(31u));
  const auto match = results("and.b32 %r3, %r0, 3; match.any.sync.b32 %r9, %r3, -1;", 32);
  for (unsigned lane = 0; lane < 32; ++lane)
    EXPECT_EQ(match[lane], 0x11111111u << (lane % 4));
  const auto any = results("setp.eq.u32 %q0, %r0, 9; vote.sync.any.pred %q1, %q0, -1; selp.u32 %r9, 1, 0, %q1;", 32);
  EXPECT_THAT(any, testing::Each(1u));
  const auto active = results("mov.u32 %r9, 0; setp.ge.u32 %q0, %r0, 16; @%q0 bra END; activemask.b32 %r9; END:", 32);
  EXPECT_EQ(active[0], 0xffffu);
}

TEST(Warp, LanesWithOtherMasksAreOtherGroups) { // as the sets that a match finds: here by lane modulo 5
  Harness harness;
  const DevicePtr out = harness.device->allocate(32 * 16, "out");
  harness.launch(
      kernelText(".param .u64 out",
                 ".reg .b32 %r<8>; .reg .b64 %p<2>; .reg .pred %q<2>; mov.u32 %r0, %laneid; rem.u32 %r1, %r0, 5; "
                 "match.any.sync.b32 %r2, %r1, -1; redux.sync.max.u32 %r3, %r0, %r2; setp.gt.u32 %q0, %r0, 27; "
                 "vote.sync.ballot.b32 %r4, %q0, %r2; shfl.sync.idx.b32 %r5, %r0, %r1, 31, %r2; bar.warp.sync %r2; "
                 "vote.sync.any.pred %q1, %q0, %r2; selp.u32 %r6, 1, 0, %q1; ld.param.u64 %p0, [out]; mul.wide.u32 "
                 "%p1, %r0, 16; add.s64 %p0, %p0, %p1; st.global.v4.b32 [%p0], {%r3, %r4, %r5, %r6};"),
      "k", {1}, {32}, out);
  const auto got = harness.download<unsigned>(out, 128);
  for (unsigned lane = 0; lane < 32; ++lane) {
    const unsigned first = lane % 5, last = first + (31 - first) / 5 * 5;
    EXPECT_EQ(got[4 * lane], last) << lane;
    EXPECT_EQ(got[4 * lane + 1], last > 27 ? 1u << last : 0u) << lane;
    EXPECT_EQ(got[4 * lane + 2], first) << lane;
    EXPECT_EQ(got[4 * lane + 3], last > 27 ? 1u : 0u) << lane;
  }
}

TEST(Block, BarriersReduceAndMayBeNamed) {
  const auto counted = results("setp.lt.u32 %q0, %r0, 50; bar.red.popc.u32 %r9, 0, %q0;", 128);
  EXPECT_THAT(counted, testing::Each(50u));
  // producers arrive, consumers wait, on a barrier of 64 threads
  const auto handed = results(
      ".shared .align 4 .b8 slot[128]; mov.u32 %r9, 0; and.b32 %r3, %r0, 31; shl.b32 %r3, %r3, 2; mov.u32 %r4, slot; "
      "add.s32 %r4, %r4, %r3; setp.ge.u32 %q0, %r0, 32; @%q0 bra TAKE; add.u32 %r5, %r0, 100; st.shared.u32 [%r4], "
      "%r5; bar.arrive 1, 64; bra END; TAKE: bar.sync 1, 64; ld.shared.u32 %r9, [%r4]; END:",
      64, {.check_races = true});
  for (unsigned t = 32; t < 64; ++t)
    EXPECT_EQ(handed[t], t - 32 + 100);
}

TEST(Block, ThreadsOfAPartialWarpDoNotExist) {
  const auto got = results("setp.eq.u32 %q0, %r0, %r0; vote.sync.ballot.b32 %r9, %q0, -1; bar.sync 0;", 40);
  EXPECT_EQ(got[0], 0xffffffffu);
  EXPECT_EQ(got[39], 0xffu);
}

TEST(Atomics, OfAllKindsAddUp) {
  Harness harness({.threads = 2});
  const DevicePtr cells = harness.upload(std::vector<unsigned>{0, 0, 0xffffffff, 0, 0, 0, 0, 0}, "cells");
  const std::string body = ".reg .b32 %r<8>; .reg .b64 %p<4>; .reg .f32 %f<2>; ld.param.u64 %p0, [cells]; mov.u32 %r0, "
                           "%tid.x; mov.u32 %r6, %ctaid.x; mov.u32 %r5, %ntid.x; mad.lo.s32 %r0, %r6, %r5, %r0;\n"
                           "atom.global.add.u32 %r1, [%p0], 3; red.global.max.u32 [%p0+4], %r0; red.global.min.u32 "
                           "[%p0+8], %r0; atom.global.or.b32 %r2, [%p0+12], %r0; mov.f32 %f0, 0f3F000000; "
                           "red.global.add.f32 [%p0+16], %f0; red.global.inc.u32 [%p0+20], 9; mov.b32 %r3, 0x3c003800; "
                           "red.global.add.noftz.f16x2 [%p0+24], %r3; atom.global.cas.b32 %r4, [%p0+28], 0, 77;";
  harness.launch(kernelText(".param .u64 cells", body), "k", {8}, {64}, cells);
  const auto got = harness.download<unsigned>(cells, 8);
  EXPECT_EQ(got[0], 512u * 3);
  EXPECT_EQ(got[1], 511u);
  EXPECT_EQ(got[2], 0u);
  EXPECT_EQ(got[3], 511u);
  EXPECT_EQ(got[4], std::bit_cast<unsigned>(256.0f));
  EXPECT_EQ(got[5], 512u % 10);
  EXPECT_EQ(got[6], 0x60005c00u); // 512 and 256
  EXPECT_EQ(got[7], 77u);
}

TEST(Memory, GenericAddressesReachEverySpace) {
  const auto got =
      results(".shared .align 8 .b8 s[256]; .local .align 8 .b8 l[16]; mov.u64 %p2, s; cvta.shared.u64 %p3, %p2; "
              "mul.wide.u32 %p4, %r0, 4; add.s64 %p3, %p3, %p4; mov.u64 %p5, l; cvta.local.u64 %p6, %p5;\n"
              "add.u32 %r3, %r0, 5; st.u32 [%p3], %r3; ld.u32 %r4, [%p3]; st.u32 [%p6+4], %r4; ld.local.u32 %r9, "
              "[l+4]; st.u32 [%p0], %r9; ld.global.u32 %r9, [%p0];",
              64);
  for (unsigned t = 0; t < 64; ++t)
    EXPECT_EQ(got[t], t + 5);
}

TEST(Memory, OneRegisterMayStandInBraces) {
  Harness harness;
  const DevicePtr data = harness.upload(std::vector<unsigned>{7, 0}, "data");
  harness.launch(kernelText(".param .u64 data", ".reg .b32 %r; .reg .b64 %p; ld.param.u64 %p, [data]; ld.global.b32 { "
                                                "%r }, [ %p + 0 ]; st.global.b32 [ %p + 4 ], { %r };"),
                 "k", {1}, {1}, data);
  EXPECT_EQ(harness.download<unsigned>(data, 2)[1], 7u);
}

TEST(Memory, ZeroFillAndEverySizeOfCopy) {
  Harness harness;
  std::vector<unsigned> in(128);
  std::iota(in.begin(), in.end(), 1u);
  const DevicePtr out = harness.device->allocate(512, "out");
  // lane l copies 16 bytes of which it reads 4 (l % 5); beyond, zeros
  const std::string body =
      ".shared .align 16 .b8 s[512]; .reg .b32 %r<12>; .reg .b64 %p<6>; ld.param.u64 %p0, [in]; ld.param.u64 %p1, "
      "[out]; mov.u32 %r0, %tid.x; mul.wide.u32 %p2, %r0, 16; add.s64 %p0, %p0, %p2; add.s64 %p1, %p1, %p2; shl.b32 "
      "%r1, %r0, 4; mov.u32 %r2, s; add.s32 %r2, %r2, %r1; rem.u32 %r3, %r0, 5; shl.b32 %r3, %r3, 2;\n"
      "cp.async.ca.shared.global.L2::128B [%r2], [%p0], 16, %r3; cp.async.wait_all; ld.shared.v4.u32 {%r4, %r5, %r6, "
      "%r7}, [%r2]; st.global.cs.v4.u32 [%p1], {%r4, %r5, %r6, %r7};";
  harness.launch(kernelText(".param .u64 in, .param .u64 out", body), "k", {1}, {32}, harness.upload(in, "in"), out);
  const auto got = harness.download<unsigned>(out, 128);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      EXPECT_EQ(got[4 * lane + i], i < lane % 5 ? 4 * lane + i + 1 : 0);
}

TEST(Counters, SectorsAndWavefronts) {
  Harness harness;
  const DevicePtr in = harness.upload(std::vector<unsigned>(4096), "in");
  // a stride of 32 words: every lane its own sector; and every lane the same bank
  const std::string body =
      ".shared .align 4 .b8 s[4096]; .reg .b32 %r<8>; .reg .b64 %p<6>; ld.param.u64 %p0, [in]; mov.u32 %r0, %tid.x; "
      "mul.wide.u32 %p1, %r0, 128; add.s64 %p0, %p0, %p1; ld.global.u32 %r1, [%p0]; shl.b32 %r2, %r0, 7; mov.u32 %r3, "
      "s; add.s32 %r3, %r3, %r2; st.shared.u32 [%r3], %r1; ld.shared.u32 %r4, [s];";
  harness.launch(kernelText(".param .u64 in", body), "k", {3}, {32}, in);
  const Counters counters = harness.device->counters();
  EXPECT_EQ(counters.at("global.read.bytes:in"), 3u * 128);
  EXPECT_EQ(counters.at("global.read.sectors:in"), 3u * 32);
  EXPECT_EQ(counters.at("shared.store.wavefronts"), 3u * 32);
  EXPECT_EQ(counters.at("shared.store.wavefronts.minimum"), 3u);
  EXPECT_EQ(counters.at("shared.load.wavefronts"), 3u) << "a broadcast is one wavefront";
  EXPECT_EQ(counters.at("instructions.load_global"), 3u);
  EXPECT_EQ(counters.at("instructions"), 3u * 11);
}

TEST(Seed, DecidesEverything) {
  // a race on purpose: the last writer wins, and it is the same one for the same seed, on any number of host threads
  const std::string body =
      ".shared .align 4 .b8 s[4]; st.shared.u32 [s], %r0; st.shared.u32 [s], %r0; bar.sync 0; ld.shared.u32 %r9, [s];";
  std::vector<std::vector<unsigned>> seen;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto first = results(body, 256, {.seed = seed, .threads = 1}, 6);
    EXPECT_EQ(first, results(body, 256, {.seed = seed, .threads = 2}, 6));
    seen.push_back(first);
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_GT(std::unique(seen.begin(), seen.end()) - seen.begin(), 4);
}

} // namespace
} // namespace attune::emulator
