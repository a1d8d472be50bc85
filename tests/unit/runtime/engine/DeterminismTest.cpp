// What `deterministic` and `batch_invariant` promise, in bits.
#include "tests/support/Harness.h"

#include "runtime/emulator/EmulatedDevice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace attune::test {
namespace {

using reference::Lengths;

// The order in which warps and blocks run, and when copies land, is the seed's; so are the tensors of a case.
TEST(Deterministic, BitsDoNotDependOnWhatRunsWhen) {
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  for (const int splits : {0, 1, 3}) {
    Case c{.spec = spec, .lengths = Lengths::dense(2, 3, 500), .splits = splits};
    const reference::Tensors tensors = tensorsOf(c);
    const Result first = run(c, tensors);
    for (const std::uint64_t seed : {2, 3}) {
      c.seed = seed, c.random_landing = seed == 3;
      const Result again = run(c, tensors);
      EXPECT_EQ(again.o, first.o) << splits << " splits, seed " << seed;
      EXPECT_EQ(again.lse, first.lse);
    }
  }
}

/// O and LSE of the first sequence of `batch` equally long ones.
std::pair<std::vector<float>, std::vector<float>> firstOf(int batch, const AttentionSpec& spec, int q_len, int kv_len) {
  const Case alone{.spec = spec, .lengths = Lengths::dense(1, q_len, kv_len)};
  const Case all{.spec = spec, .lengths = Lengths::dense(batch, q_len, kv_len), .seed = 7};
  const reference::Tensors mine = tensorsOf(alone);
  reference::Tensors tensors = tensorsOf(all);
  std::ranges::copy(mine.q, tensors.q.begin());
  std::ranges::copy(mine.k, tensors.k.begin());
  std::ranges::copy(mine.v, tensors.v.begin());
  Result result = run(all, tensors);
  result.o.resize(mine.q.size() / spec.head_dim * spec.head_dim_v);
  result.lse.resize(mine.q.size() / spec.head_dim);
  return {result.o, result.lse};
}

TEST(BatchInvariant, BitsOfASequenceAreThoseItHasAlone) {
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  spec.batch_invariant = true;
  for (const auto& [q_len, kv_len] : {std::pair{1, 300}, {1, 2100}, {40, 130}}) {
    const auto alone = firstOf(1, spec, q_len, kv_len);
    for (const int batch : {2, 9})
      EXPECT_EQ(firstOf(batch, spec, q_len, kv_len), alone) << q_len << " x " << kv_len << " in a batch of " << batch;
  }
}

// Not a promise, but the reason for one: without it the chunk count follows the batch, and bits follow the chunks.
TEST(BatchInvariant, WithoutItBitsFollowTheBatch) {
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  EXPECT_NE(firstOf(64, spec, 1, 700), firstOf(1, spec, 1, 700));
}

TEST(Deterministic, ModesAndProcessesGiveTheSamePlan) {
  AttentionSpec spec = gqaSpec(64);
  const Problem problem{.batch = 1, .q_len = 1, .kv_len = 700};
  const std::shared_ptr<Device> device = emulator::makeEmulatedDevice({});
  std::string schedule;
  int splits = 0;
  for (const PrepareMode mode : {PrepareMode::Blocking, PrepareMode::CacheOnly}) {
    Engine engine(device); // as another process would have it
    const Plan plan = engine.prepare(spec, problem, {.mode = mode});
    if (mode == PrepareMode::Blocking)
      schedule = toText(plan.schedule()), splits = plan.splits();
    EXPECT_EQ(toText(plan.schedule()), schedule);
    EXPECT_EQ(plan.splits(), splits);
  }
}

} // namespace
} // namespace attune::test
