// What hardware forgives, the emulated device reports: each test plants one bug.

#include "tests/unit/emulator/Harness.h"

#include <numeric>

namespace attune::emulator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// `without` removed from `text`, which must be there.
std::string removed(std::string text, const std::string& without) {
  const std::size_t at = text.find(without);
  EXPECT_NE(at, std::string::npos) << without;
  return text.erase(at, without.size());
}

// Each thread stores to `out` what another thread of the block brought to shared memory with cp.async.
const std::string exchange = kernelText(".param .u64 in, .param .u64 out", R"(
  .shared .align 16 .b8 tile[2048];
  .reg .b32 %r<8>; .reg .b64 %p<8>;
  ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out];
  mov.u32 %r0, %tid.x; mul.wide.u32 %p2, %r0, 16; add.s64 %p3, %p0, %p2;
  mov.u32 %r1, tile; shl.b32 %r2, %r0, 4; add.s32 %r3, %r1, %r2;
  cp.async.cg.shared.global [%r3], [%p3], 16;
  cp.async.commit_group;
  cp.async.wait_group 0;
  bar.sync 0;
  xor.b32 %r4, %r2, 1024; add.s32 %r5, %r1, %r4;
  ld.shared.u32 %r6, [%r5];
  mul.wide.u32 %p4, %r0, 4; add.s64 %p5, %p1, %p4;
  st.global.u32 [%p5], %r6;)");

std::vector<unsigned> runExchange(const std::string& ptx, const Options& options) {
  Harness harness(options);
  std::vector<unsigned> in(512);
  std::iota(in.begin(), in.end(), 1000u);
  const DevicePtr out = harness.device->allocate(128 * 4, "out");
  harness.launch(ptx, "k", {1}, {128}, harness.upload(in, "in"), out);
  return harness.download<unsigned>(out, 128);
}

std::vector<unsigned> exchanged() {
  std::vector<unsigned> expected(128);
  for (unsigned t = 0; t < 128; ++t)
    expected[t] = 1000 + (t ^ 64) * 4;
  return expected;
}

TEST(Strictness, TheUnspoiledKernelIsRightUnderEverySeed) {
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_EQ(runExchange(exchange, {.seed = seed, .random_landing = seed % 2 == 1, .check_races = true}), exchanged());
}

TEST(Strictness, AMissingCopyWaitGivesPoison) {
  const std::string spoiled = removed(exchange, "cp.async.wait_group 0;");
  const auto got = runExchange(spoiled, {});
  for (unsigned t = 0; t < 128; ++t)
    EXPECT_NE(got[t], exchanged()[t]) << t; // latest landing: not one thread sees its data
}

TEST(Strictness, AWaitForTheWrongGroupGivesPoison) {
  std::string spoiled = exchange;
  spoiled.replace(spoiled.find("wait_group 0"), 12, "wait_group 1");
  EXPECT_NE(runExchange(spoiled, {}), exchanged());
}

TEST(Strictness, AMissingCommitIsSeenToo) {
  EXPECT_NE(runExchange(removed(exchange, "cp.async.commit_group;"), {}), exchanged());
}

TEST(Strictness, AMissingBarrierIsARace) {
  const std::string spoiled = removed(exchange, "bar.sync 0;");
  EXPECT_THAT(Harness::errorOf([&] { runExchange(spoiled, {.check_races = true}); }),
              HasSubstr("race on shared memory"));
  unsigned wrong = 0; // and without the detector random schedules show it
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    wrong += runExchange(spoiled, {.seed = seed}) != exchanged();
  EXPECT_GT(wrong, 10u);
}

TEST(Strictness, AStrayReadNamesKernelLaneAndBuffer) {
  Harness harness;
  const std::string ptx = fixture("classics.ptx");
  const DevicePtr a = harness.upload(std::vector<float>(100), "a"), b = harness.upload(std::vector<float>(96), "b"),
                  c = harness.upload(std::vector<float>(100), "c");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "vectorAdd", {1}, {128}, a, b, c, 100); }),
              AllOf(HasSubstr("kernel 'vectorAdd'"), HasSubstr("block (0, 0, 0)"), HasSubstr("warp 3, lane 0"),
                    HasSubstr("stray read of 4 bytes"), HasSubstr("0 bytes past the end of 'b' (384 bytes)"),
                    HasSubstr("ld.global.f32")));
}

TEST(Strictness, AReleasedBufferStaysKnown) {
  Harness harness;
  const std::string ptx = fixture("classics.ptx");
  const DevicePtr a = harness.upload(std::vector<float>(100), "a"), c = harness.upload(std::vector<float>(100), "c");
  harness.device->release(a);
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "vectorAdd", {1}, {128}, a, c, c, 100); }),
              HasSubstr("of 'a' (400 bytes, released)"));
}

TEST(Strictness, AMisalignedAccessIsReported) {
  Harness harness;
  const DevicePtr a = harness.upload(std::vector<float>(100), "a"), c = harness.upload(std::vector<float>(100), "c");
  EXPECT_THAT(
      Harness::errorOf([&] { harness.launch(fixture("classics.ptx"), "vectorAdd", {1}, {32}, a + 2, c, c, 32); }),
      HasSubstr("misaligned read of 4 bytes"));
}

TEST(Strictness, SharedMemoryHasABound) {
  Harness harness;
  const std::string ptx =
      kernelText("", ".shared .align 4 .b8 buffer[64]; .reg .b32 %r<3>; mov.u32 %r0, buffer; mov.u32 %r1, %tid.x; "
                     "shl.b32 %r1, %r1, 2; add.s32 %r0, %r0, %r1; st.shared.u32 [%r0], %r1;");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {32}); }),
              AllOf(HasSubstr("lane 16"), HasSubstr("stray write"), HasSubstr("offset 64 of 'buffer' (64 bytes)")));
}

TEST(Strictness, ConstantMemoryIsReadOnly) {
  Harness harness;
  const std::string ptx =
      ".version 8.0\n.target sm_80\n.address_size 64\n.const .align 4 .b8 limits[4] = {1, 2, 3, 4};\n.visible .entry "
      "k()\n{\n.reg .b64 %p; .reg .b32 %r; mov.u64 %p, limits; mov.u32 %r, 0; st.global.u32 [%p], %r; ret;\n}\n";
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {1}); }),
              HasSubstr("'limits' (4 bytes, read-only)"));
}

TEST(Strictness, FreshMemoryIsPoison) {
  const std::string ptx =
      kernelText(".param .u64 out",
                 ".shared .align 4 .b8 buffer[64]; .reg .b32 %r<3>; .reg .f32 %f<3>; .reg .b64 %p; ld.param.u64 %p, "
                 "[out]; ld.shared.f32 %f0, [buffer]; st.global.f32 [%p], %f0; st.global.f32 [%p+4], %f1;");
  Harness harness({.seed = 3});
  const DevicePtr out = harness.device->allocate(12, "out");
  harness.launch(ptx, "k", {1}, {1}, out);
  for (const float value : harness.download<float>(out, 3)) // shared, register, global
    EXPECT_NE(value, value);
}

TEST(Strictness, ADeadlockSaysWhoWaitsForWhat) {
  Harness harness;
  const std::string ptx = kernelText(
      "",
      ".reg .b32 %r; .reg .pred %p; mov.u32 %r, %tid.x; setp.ge.u32 %p, %r, 64; @%p bra DONE; bar.sync 3, 128; DONE:");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {128}); }),
              AllOf(HasSubstr("deadlock"), HasSubstr("barrier 3 has 64 of 128 threads"), HasSubstr("warp 0"),
                    HasSubstr("warps that have ended: 2 3")));
}

TEST(Strictness, ABarrierThatPartsDisagreeOnIsReported) {
  Harness harness;
  const std::string ptx = kernelText("", ".reg .b32 %r; .reg .pred %p; mov.u32 %r, %tid.x; setp.ge.u32 %p, %r, 32; @%p "
                                         "bar.sync 1, 64; @!%p bar.sync 1, 96;");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {64}); }), HasSubstr("barrier 1 waits for"));
}

TEST(Strictness, ABarrierIsUsedAsIsMeant) {
  const auto errorOf = [](const std::string& body) {
    Harness harness;
    return Harness::errorOf([&] {
      harness.launch(
          kernelText("", ".reg .b32 %r<2>; .reg .pred %p<3>; mov.u32 %r0, %tid.x; setp.ge.u32 %p0, %r0, 32;" + body),
          "k", {1}, {64});
    });
  };
  EXPECT_THAT(errorOf("and.b32 %r1, %r0, 1; bar.sync %r1, 64;"),
              HasSubstr("lane 1: lanes name different barriers or numbers of threads: 0 and 1"));
  EXPECT_THAT(errorOf("@%p0 bra OTHER; bar.sync 1, 64; bra DONE; OTHER: bar.red.or.pred %p1, 1, 64, %p0; DONE:"),
              HasSubstr("barrier 1 has warps that reduce and warps that do not"));
}

TEST(Strictness, TheWatchdogEndsALoop) {
  Harness harness({.max_instructions = 100000});
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(kernelText("", "L: bra L;"), "k", {1}, {32}); }),
              HasSubstr("watchdog"));
}

TEST(Strictness, TrapIsAnError) {
  Harness harness;
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(kernelText("", "trap;"), "k", {1}, {32}); }),
              HasSubstr("executed trap"));
}

TEST(Strictness, AMatrixProductNeedsTheWholeWarp) {
  Harness harness;
  const std::string ptx = kernelText(
      "", ".reg .b32 %r<12>; .reg .pred %p; mov.u32 %r0, %laneid; setp.lt.u32 %p, %r0, 16; @%p bra L; ret; L: "
          "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%r1,%r2,%r3,%r4}, {%r5,%r6}, {%r7}, {%r8,%r9,%r10,%r11};");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {32}); }), HasSubstr("needs all 32 lanes"));
}

TEST(Strictness, LaunchesOutsideTheLimitsAreRefused) {
  Harness harness;
  const std::string ptx = kernelText(".param .u32 n", "");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {2048}, 1); }), HasSubstr("the limit is 1024"));
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {0}, {32}, 1); }), HasSubstr("nothing may be zero"));
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {32}); }), HasSubstr("takes 1 arguments, got 0"));
  harness.dynamic_shared = 200 * 1024;
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {32}, 1); }), HasSubstr("limit of sm_80 is 166912"));
}

} // namespace
} // namespace attune::emulator
