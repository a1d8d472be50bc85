// The closed forms of the cost model against what the emulated device counts.
#include "runtime/model/Work.h"
#include "tests/support/Harness.h"

#include "attune/compiler/DefaultSchedule.h"

#include <gtest/gtest.h>

namespace attune::model {
namespace {

using reference::Lengths;
using test::Case;

void expectExact(const AttentionSpec& spec, const Lengths& lengths, const char* schedule, int splits) {
  const Case c{.spec = spec, .lengths = lengths, .splits = splits, .schedule = scheduleFromText(schedule)};
  test::Result result = test::run(c, test::tensorsOf(c));
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

TEST(Work, OfSplitAndPackedKernels) {
  AttentionSpec spec = test::gqaSpec(128, 64);
  spec.causal = Causal::BottomRight;
  expectExact(spec, Lengths::dense(3, 1, 512), "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=1 split_kv=1", 4);
  expectExact(spec, Lengths::dense(1, 40, 320), "q_tile=64 kv_tile=32 warps=4 stages=3 pack_gqa=1 split_kv=1", 3);
  // chunks that the diagonal leaves empty
  expectExact(spec, Lengths::dense(1, 160, 160), "q_tile=64 kv_tile=32 warps=4 stages=2 pack_gqa=0 split_kv=1", 4);
}

} // namespace
} // namespace attune::model
