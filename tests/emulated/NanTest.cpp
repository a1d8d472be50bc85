// NaN in every element that does not count: hidden, past the end, or between rows. compare() wants NaN exactly where
// the reference has it. (DeviceTensors puts NaN into the gaps of strided layouts, and the emulated device poisons what
// lies beyond a buffer.)
#include "tests/support/Harness.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace attune::test {
namespace {

using reference::Lengths;
using reference::Tensors;

void plant(const AttentionSpec& spec, Tensors& tensors, int key, float value) {
  const int dk = spec.kv_heads * spec.head_dim, dv = spec.kv_heads * spec.head_dim_v;
  std::fill_n(tensors.k.begin() + key * dk, dk, value);
  std::fill_n(tensors.v.begin() + key * dv, dv, value);
}

void plantInV(const AttentionSpec& spec, Tensors& tensors, int key, float value) {
  const int dv = spec.kv_heads * spec.head_dim_v;
  std::fill_n(tensors.v.begin() + key * dv, dv, value);
}

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();

TEST(NaN, OfKeysThatNobodySees) {
  AttentionSpec spec = gqaSpec(64);
  spec.causal = Causal::BottomRight;
  spec.window.left = 20;
  for (const Layout layout : {Layout::Bshd, Layout::Bhsd, Layout::Strided}) {
    spec.layout = layout;
    const Case c{.spec = spec, .lengths = Lengths::dense(1, 70, 203)};
    Tensors tensors = tensorsOf(c);
    for (int key = 0; key < 203 - 70 - 20; ++key)
      plant(spec, tensors, key, key % 3 ? nan : key % 2 ? inf : -inf);
    EXPECT_EQ(failure(c, tensors), "");
  }
}

TEST(NaN, ReachesExactlyTheRowsThatSeeIt) {
  for (const float value : {nan, inf, -inf})
    for (const int key : {0, 63, 64, 100, 202}) {
      AttentionSpec spec = gqaSpec(64);
      spec.causal = Causal::BottomRight;
      Case c{.spec = spec, .lengths = Lengths::dense(1, 203, 203)};
      Tensors tensors = tensorsOf(c);
      plantInV(spec, tensors, key, value);
      EXPECT_EQ(failure(c, tensors), "") << value << " in V at " << key;
    }
}

TEST(NaN, InHiddenKeysAndValues) {
  for (const int key : {64, 100, 202}) {
    AttentionSpec spec = gqaSpec(64);
    spec.causal = Causal::BottomRight;
    const Case c{.spec = spec, .lengths = Lengths::dense(1, 203, 203)};
    Tensors tensors = tensorsOf(c);
    const Result clean = run(c, tensors);
    plant(spec, tensors, key, nan);
    const Result planted = run(c, tensors);
    const auto before = static_cast<std::ptrdiff_t>(key) * spec.q_heads * spec.head_dim_v;
    EXPECT_TRUE(std::equal(clean.o.begin(), clean.o.begin() + before, planted.o.begin())) << key; // bit for bit
    for (auto o = planted.o.begin() + before; o != planted.o.end(); ++o)
      ASSERT_TRUE(std::isnan(*o));
  }
}

TEST(NaN, OfOtherSequences) { // rows of K and V after a sequence's end are the next one's
  AttentionSpec spec = gqaSpec(64);
  spec.varlen = true;
  const Case c{.spec = spec, .lengths = {{0, 50, 50, 90}, {0, 77, 140, 190}}};
  Tensors tensors = tensorsOf(c);
  for (int key = 77; key < 140; ++key) // the one without queries
    plant(spec, tensors, key, nan);
  EXPECT_EQ(failure(c, tensors), "");
}

TEST(NaN, OfAQueryAndOfAVisibleKeyInSplits) { // a chunk's LSE is NaN then, and no maximum takes notice
  AttentionSpec spec = gqaSpec(128);
  for (const int splits : {1, 3}) {
    const Case c{.spec = spec, .lengths = Lengths::dense(1, 2, 500), .splits = splits};
    Tensors tensors = tensorsOf(c);
    std::fill_n(tensors.q.begin(), spec.head_dim, nan); // one head of the first query
    EXPECT_EQ(failure(c, tensors), "") << splits;
    tensors = tensorsOf(c);
    plant(spec, tensors, 300, nan);
    EXPECT_EQ(failure(c, tensors), "") << splits;
  }
}

TEST(NaN, InSplits) {
  AttentionSpec spec = gqaSpec(128);
  spec.causal = Causal::BottomRight;
  spec.window.left = 300;
  const Case c{.spec = spec, .lengths = Lengths::dense(1, 2, 800), .splits = 4};
  Tensors tensors = tensorsOf(c);
  for (int key = 0; key < 800 - 302; ++key)
    plant(spec, tensors, key, nan);
  EXPECT_EQ(failure(c, tensors), "");
}

} // namespace
} // namespace attune::test
