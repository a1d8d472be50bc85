// Chunks on the emulated device: every visible key is in one, and batch_invariant keeps its word.
#include "tests/support/Harness.h"

#include <gtest/gtest.h>

#include <cstring>

namespace attune::test {
namespace {

using reference::Lengths;

TEST(Chunks, AWindowBesideAPrefixLosesNoKey) {
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  spec.window.left = 31;
  spec.prefix = 70;
  for (const int splits : {2, 5})
    EXPECT_EQ(failure({.spec = spec, .lengths = Lengths::dense(1, 1, 1000), .splits = splits}), "");
}

/// O of the last row of the only sequence of `rows` rows, which lies in a batch beside one of `other` keys.
std::vector<float> lastRow(AttentionSpec spec, int keys, int other) {
  spec.varlen = true;
  const Case alone{.spec = spec, .lengths = {{0, 1}, {0, keys}}};
  const reference::Tensors inputs = tensorsOf(alone);
  if (other == 0)
    return run(alone, inputs).o;
  const Case both{.spec = spec, .lengths = {{0, 1, 41}, {0, keys, keys + other}}};
  reference::Tensors tensors = tensorsOf(both);
  std::copy(inputs.q.begin(), inputs.q.end(), tensors.q.begin());
  std::copy(inputs.k.begin(), inputs.k.end(), tensors.k.begin());
  std::copy(inputs.v.begin(), inputs.v.end(), tensors.v.begin());
  std::vector<float> o = run(both, tensors).o;
  o.resize(static_cast<std::size_t>(spec.q_heads) * spec.head_dim_v);
  return o;
}

TEST(Chunks, BatchInvariantBitsDoNotDependOnTheBatch) {
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  spec.batch_invariant = true;
  for (const int keys : {100, 2100}) { // one chunk, two chunks
    const std::vector<float> alone = lastRow(spec, keys, 0);
    for (const int other : {50, 5000})
      EXPECT_EQ(lastRow(spec, keys, other), alone) << keys << " keys beside " << other;
  }
}

} // namespace
} // namespace attune::test
