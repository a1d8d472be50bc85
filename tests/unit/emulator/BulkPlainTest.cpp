// Bulk loads of plain memory, and prefetches.

#include "tests/unit/emulator/TensorBoxes.h"

#include <numeric>
#include <set>

namespace attune::emulator {
namespace {

using namespace boxes;
using testing::AllOf;
using testing::HasSubstr;

// Threads write their numbers to shared memory; its words 16 to 55 are then loaded from word 8 of `in` on.
const std::string load = hopperText(".param .u64 in, .param .u64 out, .param .align 64 .b8 map[128]", R"(
  .shared .align 128 .b8 tile[512]; .shared .align 8 .b8 bar[16];
  .reg .b32 %r<16>; .reg .b64 %p<8>; .reg .pred %q<4>;
  ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out]; mov.u32 %r0, %tid.x; setp.ne.u32 %q0, %r0, 0; mov.b64 %p4, 0;
  mov.b64 %p2, map; cvta.param.u64 %p2, %p2; mov.u32 %r2, 160; mov.u32 %r1, 160;
  mov.u32 %r3, tile; shl.b32 %r4, %r0, 2; add.s32 %r3, %r3, %r4; st.shared.u32 [%r3], %r0;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  @%q0 bra WAIT;
  mbarrier.init.shared::cta.b64 [bar], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [bar], %r1;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [tile+64], [%p0+32], %r2, [bar];
WAIT:
  bar.sync 0;
W: mbarrier.try_wait.parity.shared::cta.b64 %q1, [bar], 0; @!%q1 bra W;
  ld.shared.u32 %r5, [%r3]; mul.wide.u32 %p3, %r4, 1; add.s64 %p1, %p1, %p3; st.global.u32 [%p1], %r5;)");

const std::string copy =
    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [tile+64], [%p0+32], %r2, [bar];";

std::vector<int> loaded(Harness& harness, const std::string& ptx) {
  std::vector<int> in(64);
  std::iota(in.begin(), in.end(), 1000);
  TiledTensor tensor = tensorOf({16, 4}, {8, 2}, Swizzle::None, Element::I32);
  tensor.data = harness.upload(in, "tensor");
  const DevicePtr out = harness.device->allocate(512, "out");
  harness.launch(ptx, "k", {1}, {128}, harness.upload(in, "in"), out, harness.device->encode(tensor));
  return harness.download<int>(out, 128);
}

std::vector<int> expected() {
  std::vector<int> words(128);
  std::iota(words.begin(), words.end(), 0);
  std::iota(words.begin() + 16, words.begin() + 16 + 40, 1008);
  return words;
}

TEST(BulkLoads, OfPlainMemory) {
  for (const std::string destination : {"cluster", "cta"})
    for (const bool hint : {false, true})
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        Harness harness(hopper(seed));
        EXPECT_EQ(
            loaded(harness, replaced(replaced(load, ".version 8.0", ".version 8.6"), copy,
                                     "cp.async.bulk.shared::" + destination + ".global.mbarrier::complete_tx::bytes" +
                                         (hint ? ".L2::cache_hint [tile+64], [%p0+32], %r2, [bar], %p4;"
                                               : " [tile+64], [%p0+32], %r2, [bar];"))),
            expected());
        EXPECT_EQ(harness.device->counters().at("global.read.bytes:in"), 160u);
      }
}

TEST(BulkLoads, ReadTheirSourceAsLateAsLegal) {
  const std::string late =
      replaced(load, "WAIT:\n  bar.sync 0;", "WAIT:\n  bar.sync 0; @!%q0 st.global.u32 [%p0+32], 7;");
  std::set<int> random;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    Harness last({.target = "sm_90a", .seed = seed}), any({.target = "sm_90a", .seed = seed, .random_landing = true});
    EXPECT_EQ(loaded(last, late)[16], 7);
    random.insert(loaded(any, late)[16]);
  }
  EXPECT_THAT(random, testing::ElementsAre(7, 1008));
}

std::string errorOf(const std::string& ptx, const Options& options = hopper()) {
  return Harness::errorOf([&] {
    Harness harness(options);
    loaded(harness, ptx);
  });
}

TEST(BulkLoads, PlantedBugsAreFound) {
  const auto spoiled = [](const std::string& what, const std::string& by) {
    return errorOf(replaced(load, copy, replaced(copy, what, by)));
  };
  EXPECT_THAT(spoiled("tile+64", "tile+56"), HasSubstr("must be multiples of 16"));
  EXPECT_THAT(spoiled("%p0+32", "%p0+40"), HasSubstr("must be multiples of 16"));
  EXPECT_THAT(spoiled("%r2", "152"), HasSubstr("must be multiples of 16"));
  EXPECT_THAT(spoiled("%r2", "0"), HasSubstr("must be multiples of 16"));
  EXPECT_THAT(spoiled("%p0+32", "%p0+112"),
              AllOf(HasSubstr("is not inside one buffer"), HasSubstr("'in' (256 bytes)")));
  EXPECT_THAT(spoiled("tile+64", "tile+448"), AllOf(HasSubstr("to offset 448"), HasSubstr("which has 528")));
  EXPECT_THAT(spoiled("tile+64", "tile+368"), HasSubstr("over the mbarrier"));
  EXPECT_THAT(spoiled("%r2", "144"), HasSubstr("deadlock")) << "16 bytes are expected and never come";
  EXPECT_THAT(errorOf(replaced(load, "W: mbarrier.try_wait.parity.shared::cta.b64 %q1, [bar], 0; @!%q1 bra W;", "")),
              HasSubstr("to which a bulk copy is still under way"));
  EXPECT_THAT(errorOf(replaced(load, "  bar.sync 0;\n  @%q0 bra WAIT;", "  @%q0 bra WAIT;")), HasSubstr("race"));
}

TEST(BulkPrefetches, CheckAndDoNothingElse) {
  for (const bool hint : {false, true}) {
    const std::string policy = hint ? ", %p4;" : ";", suffix = hint ? ".L2::cache_hint" : "";
    const std::string plain = "cp.async.bulk.prefetch.L2.global" + suffix + " [%p0+16], %r2" + policy,
                      tensor = "cp.async.bulk.prefetch.tensor.2d.L2.global.tile" + suffix + " [%p2, {12, -1}]" + policy;
    for (const std::string& prefetch : {plain, tensor}) {
      Harness harness(hopper());
      EXPECT_EQ(loaded(harness, replaced(load, copy, prefetch + copy)), expected());
      const Counters counters = harness.device->counters();
      EXPECT_EQ(counters.at("global.read.bytes"), 160u) << prefetch;
      EXPECT_EQ(counters.count("global.read.bytes:tensor"), 0u) << prefetch;
    }
    const auto error = [](const std::string& prefetch) { return errorOf(replaced(load, copy, prefetch + copy)); };
    EXPECT_THAT(error(replaced(plain, "%p0+16", "%p0+112")), HasSubstr("'in' (256 bytes)"));
    EXPECT_THAT(error(replaced(plain, "%r2", "24")), HasSubstr("must be multiples of 16"));
    EXPECT_THAT(error(replaced(replaced(tensor, "2d", "3d"), "-1", "-1, 0")), HasSubstr("a tensor map of rank 2"));
    EXPECT_THAT(error(replaced(tensor, "%p2", "%p0")), HasSubstr("no tensor map that Device::encode made"));
  }
}

} // namespace
} // namespace attune::emulator
