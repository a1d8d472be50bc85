// What may go wrong around a wgmma, each planted in a kernel that runs.

#include "tests/unit/emulator/WgmmaText.h"

#include <set>

namespace attune::emulator {
namespace {

using namespace wgmma;
using testing::AllOf;
using testing::HasSubstr;

const Shape plain{64, "bf16", "bf16", 128, true, false, false, false};

std::string plainText() { return productText(plain, 0, 64ull << 32 | 1ull << 62, b_offset + 8192); }

void runPlain(const std::string& ptx, const Options& options = {.target = "sm_90a"}, unsigned threads = 128) {
  Harness harness(options);
  const DevicePtr in = harness.upload(std::vector<std::uint32_t>((b_offset + 8192) / 4), "in"),
                  regs = harness.upload(std::vector<std::uint32_t>(256 * 36), "regs");
  harness.launch(ptx, "k", {1}, {threads}, in, regs);
  for (const std::uint32_t value : harness.download<std::uint32_t>(regs, 128 * 36))
    ASSERT_EQ(value & 0x7fffffff, 0u);
}
std::string errorOf(const std::string& ptx, const Options& options = {.target = "sm_90a"}, unsigned threads = 128) {
  return Harness::errorOf([&] { runPlain(ptx, options, threads); });
}

TEST(Wgmma, TheUnspoiledKernelRuns) {
  for (std::uint64_t seed = 0; seed < 6; ++seed)
    runPlain(plainText(), hopper(seed));
}

TEST(Wgmma, AMissingWaitIsFound) {
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.wait_group.sync.aligned 0;", "")),
              AllOf(HasSubstr("read of an accumulator that a wgmma under way still uses: wgmma.wait_group is missing"),
                    HasSubstr("st.global.b32")));
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;")),
              HasSubstr("read of an accumulator"));
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.commit_group.sync.aligned;", "")),
              HasSubstr("read of an accumulator"));
}

TEST(Wgmma, RegistersOfAMayNotChangeBeforeTheWait) {
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.commit_group.sync.aligned;",
                               "wgmma.commit_group.sync.aligned; mov.b32 %a1, 0;")),
              AllOf(HasSubstr("write of a register of A"), HasSubstr("mov.b32 %a1")));
  runPlain(
      replaced(plainText(), "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 0; mov.b32 %a1, 0;"));
}

TEST(Wgmma, AMissingRegisterFenceIsFound) {
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.fence.sync.aligned;", "")),
              HasSubstr("accumulator 0 was written since the last wgmma.fence"));
  EXPECT_THAT(
      errorOf(replaced(plainText(), "wgmma.fence.sync.aligned;", "wgmma.fence.sync.aligned; add.u32 %a2, %a2, 0;")),
      HasSubstr("register 2 of A was written since the last wgmma.fence"));
  EXPECT_THAT(
      errorOf(replaced(plainText(), "wgmma.fence.sync.aligned;", "wgmma.fence.sync.aligned; add.u32 %r9, %d7, 0;")),
      HasSubstr("accumulator 7 was read since the last wgmma.fence"));
}

TEST(Wgmma, AMissingProxyFenceIsFound) {
  EXPECT_THAT(errorOf(replaced(plainText(), "fence.proxy.async.shared::cta;", "")),
              HasSubstr("wgmma reads shared memory at offset 16384, which a warp wrote with ordinary stores, and no "
                        "fence.proxy.async lies in between"));
  runPlain(replaced(plainText(), "fence.proxy.async.shared::cta;\n  bar.sync 0;",
                    "bar.sync 0; fence.proxy.async.shared::cta;"),
           hopper()); // a fence behind the barrier, by every reader, is enough
}

/// D[0][0] of AB - AB + AB, all ones, where two of A's or B's elements are overwritten with zeros at `place` between
/// issue and wait.
float lateProduct(const Shape& shape, const std::string& place, const Options& options) {
  constexpr std::uint32_t ones = 0x3f803f80;
  constexpr std::uint64_t descriptor = 64ull << 32 | 1ull << 62;
  std::vector<std::uint32_t> image((b_offset + 8192) / 4, ones), registers(128 * 36);
  for (unsigned i = 0; i < registers.size(); ++i)
    registers[i] = i % 36 < 4 ? ones : 0;
  Harness harness(options);
  const DevicePtr in = harness.upload(image, "in"), regs = harness.upload(registers, "regs");
  harness.launch(replaced(productText(shape, descriptor, descriptor, b_offset + 8192),
                          "wgmma.commit_group.sync.aligned;",
                          "wgmma.commit_group.sync.aligned; bar.sync 0; mov.b32 %r9, 0; st.shared.u32 [" + place +
                              "], %r9; bar.sync 0;"),
                 "k", {1}, {128}, in, regs);
  return std::bit_cast<float>(harness.download<std::uint32_t>(regs, 5)[4]);
}

TEST(Wgmma, OperandsAreReadAsLateAsLegal) {
  Shape both_shared = plain;
  both_shared.a_registers = false;
  for (const auto& [shape, place] :
       {std::pair{plain, "tile+16384"}, std::pair{both_shared, "tile+16384"}, std::pair{both_shared, "tile"}}) {
    EXPECT_THAT(Harness::errorOf([&] { lateProduct(shape, place, hopper()); }), HasSubstr("race"));
    std::set<float> random;
    for (std::uint64_t seed = 0; seed < 32; ++seed) {
      EXPECT_EQ(lateProduct(shape, place, {.target = "sm_90a", .seed = seed}), 14) << "at the wait, " << place;
      random.insert(lateProduct(shape, place, {.target = "sm_90a", .seed = seed, .random_landing = true}));
    }
    EXPECT_THAT(random, testing::ElementsAre(14, 16)) << "at the wait or before, " << place;
  }
}

TEST(Wgmma, AWrongDescriptorIsFound) {
  EXPECT_THAT(errorOf(productText(plain, 0, 4096ull << 32 | 1ull << 62, b_offset + 8192)),
              HasSubstr("a matrix descriptor leads to offset 81920 of shared memory"));
  EXPECT_THAT(errorOf(productText(plain, 0, 64ull << 32 | 1ull << 49 | 1ull << 62, b_offset + 8192)),
              HasSubstr("base offset 1"));
}

TEST(Wgmma, TheWholeWarpgroupTakesPart) {
  EXPECT_THAT(errorOf(plainText(), {.target = "sm_90a"}, 96), HasSubstr("needs a warpgroup of four warps"));
  EXPECT_THAT(errorOf(replaced(plainText(), "wgmma.fence.sync.aligned;",
                               "setp.lt.u32 %q3, %r0, 96; @%q3 bra HERE; exit; HERE: wgmma.fence.sync.aligned;")),
              AllOf(HasSubstr("deadlock"), HasSubstr("waits for the other warps of its warpgroup"),
                    HasSubstr("warps that have ended: 3")));
}

} // namespace
} // namespace attune::emulator
