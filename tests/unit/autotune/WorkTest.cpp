// The closed forms of the cost model against what the emulated device counts.
#include "runtime/model/Work.h"

#include "runtime/emulator/EmulatedDevice.h"
#include "tests/support/Harness.h"

#include "attune/compiler/DefaultSchedule.h"

#include <gtest/gtest.h>

namespace attune::model {
namespace {

using reference::Lengths;
using test::Case;

void expectExact(const AttentionSpec& spec, const Lengths& lengths, const std::string& schedule, int splits) {
  const Case c{.spec = spec, .lengths = lengths, .splits = splits, .schedule = scheduleFromText(schedule)};
  const std::shared_ptr<Device> device =
      emulator::makeEmulatedDevice({.target = c.schedule->warp_specialized ? "sm_90a" : "sm_80", .seed = c.seed});
  test::Result result = test::runOn(device, c, test::tensorsOf(c));
  Counters& counted = result.counters.front();
  const Work work = workOf(spec, reference::problemOf(lengths), {*c.schedule, result.splits});
  const std::string where = describe(c) + " " + schedule;
  EXPECT_EQ(work.fold.tensor_flops, counted["tensor_flops"]) << where;
  EXPECT_EQ(work.fold.mma, counted["instructions.mma"]) << where;
  EXPECT_EQ(work.fold.ldmatrix, counted["instructions.load_matrix"]) << where;
  if (lengths.sq(0) <= lengths.sk(0)) {
    EXPECT_EQ(work.fold.sfu_ops, counted["sfu_ops"]) << where;
  }
  EXPECT_EQ(work.fold.read_bytes, counted["global.read.bytes"]) << where;
  EXPECT_EQ(work.fold.write_bytes, counted["global.write.bytes"]) << where;
  EXPECT_EQ(work.fold.shared_wavefronts, counted["shared.wavefronts.minimum"]) << where;
  if (splits > 1) {
    EXPECT_EQ(work.combine.write_bytes, result.counters[1]["global.write.bytes"]) << where;
    EXPECT_EQ(work.combine.read_bytes, result.counters[1]["global.read.bytes"]) << where;
  }
}

TEST(Work, IsWhatTheEmulatedDeviceCounts) {
  AttentionSpec spec = test::gqaSpec(64);
  const char* four_warps = "q_tile=64 kv_tile=64 warps=4 stages=1 pack_gqa=0 split_kv=0";
  expectExact(spec, Lengths::dense(2, 192, 256), four_warps, 1);
  spec.causal = Causal::BottomRight;
  expectExact(spec, Lengths::dense(1, 192, 256), four_warps, 1);
  expectExact(spec, Lengths::dense(1, 200, 250), "q_tile=64 kv_tile=32 warps=2 stages=2 pack_gqa=0 split_kv=0", 1);
  spec.causal = Causal::TopLeft;
  spec.window.left = 70;
  expectExact(spec, Lengths::dense(1, 256, 256), "q_tile=128 kv_tile=64 warps=8 stages=2 pack_gqa=0 split_kv=0", 1);
  // more queries than keys: the first see nothing
  spec = test::gqaSpec(64);
  spec.causal = Causal::BottomRight;
  expectExact(spec, Lengths::dense(1, 256, 96), four_warps, 1);
}

TEST(Work, SkipsTheGapBetweenPrefixAndWindow) {
  AttentionSpec spec = test::gqaSpec(64);
  spec.causal = Causal::BottomRight;
  spec.window.left = 63;
  const char* schedule = "q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=0 split_kv=0";
  for (const std::int64_t prefix : {20, 64, 100}) { // within the first tile, at the end of one, in the fourth
    spec.prefix = prefix;
    expectExact(spec, Lengths::dense(1, 192, 512), schedule, 1);
    expectExact(spec, Lengths::dense(1, 256, 256), schedule, 1); // where the window runs into the prefix
  }
  spec.prefix = 64;
  expectExact(spec, Lengths::dense(1, 64, 512), "q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=0 split_kv=1", 3);
}

TEST(Work, OfSplitAndPackedKernels) {
  AttentionSpec spec = test::gqaSpec(128, 64);
  spec.causal = Causal::BottomRight;
  expectExact(spec, Lengths::dense(3, 1, 512), "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=1 split_kv=1", 4);
  expectExact(spec, Lengths::dense(1, 40, 320), "q_tile=64 kv_tile=32 warps=4 stages=3 pack_gqa=1 split_kv=1", 3);
  // chunks that the diagonal leaves empty
  expectExact(spec, Lengths::dense(1, 160, 160), "q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=0 split_kv=1", 4);
}

const std::string two_warpgroups =
    "q_tile=128 kv_tile=64 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 ping_pong=1";

TEST(Work, OfKernelsWithRoles) {
  AttentionSpec spec = test::gqaSpec(64);
  expectExact(spec, Lengths::dense(2, 128, 192), two_warpgroups, 1);
  spec.causal = Causal::BottomRight;
  expectExact(spec, Lengths::dense(1, 200, 250), two_warpgroups, 1);
  expectExact(spec, Lengths::dense(1, 260, 260), two_warpgroups + " persistent=1", 1);
  expectExact(spec, Lengths::dense(1, 256, 96), two_warpgroups, 1); // the first see nothing, and go through a tile
  // the second block of the second pair has no rows
  expectExact(spec, Lengths::dense(1, 384, 384),
              "q_tile=128 kv_tile=64 warps=8 stages=2 pack_gqa=0 split_kv=0 warp_specialized=1 overlap=1 cluster=2", 1);
  spec = test::gqaSpec(72); // boxes of 96 columns
  spec.window.left = 70;
  spec.causal = Causal::BottomRight;
  expectExact(spec, Lengths::dense(1, 192, 192), two_warpgroups, 1);
}

TEST(Work, OfSplitAndPackedKernelsWithRoles) {
  AttentionSpec spec = test::gqaSpec(128, 64);
  spec.causal = Causal::BottomRight;
  const std::string one = "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=1 warp_specialized=1 overlap=1 split_kv=";
  expectExact(spec, Lengths::dense(3, 1, 512), one + "1", 4);
  expectExact(spec, Lengths::dense(1, 9, 160), one + "0", 1);
}

TEST(Work, OfEightBits) {
  AttentionSpec spec = test::gqaSpec(128);
  spec.dtype = DType::E4M3;
  expectExact(spec, Lengths::dense(1, 100, 200), two_warpgroups, 1);
  spec.causal = Causal::BottomRight;
  spec.lse = false;
  expectExact(spec, Lengths::dense(1, 150, 150), two_warpgroups + " persistent=1", 1);
  expectExact(spec, Lengths::dense(2, 1, 256),
              "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=1 split_kv=1 warp_specialized=1 overlap=1", 2);
}

} // namespace
} // namespace attune::model
