// How far LSE of 8-bit floats may be off: Output::lse_slack by hand, and what compare() makes of it.
#include "runtime/reference/Random.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune::reference {
namespace {

/// Two steps of columns, the second of 16. Head 1 has twice the scores of head 0, sequence 1 twelve times those of 0.
struct ByHand {
  AttentionSpec spec{.dtype = DType::E4M3, .q_heads = 2, .kv_heads = 1, .head_dim = 48};
  Lengths lengths = Lengths::dense(2, 2, 2);
  Tensors tensors;
  ByHand() {
    spec.causal = Causal::BottomRight;
    spec.scale = 0.5;
    tensors.q.resize(std::size_t{2 * 2 * 2} * 48);
    tensors.k.resize(std::size_t{2 * 2} * 48);
    tensors.v.assign(tensors.k.size(), 1);
    for (std::size_t row = 0; row < 2 * 2 * 2; ++row) {
      const float of_head = row % 2 == 0 ? 1 : 2;
      tensors.q[row * 48] = 4 * of_head;
      tensors.q[row * 48 + 40] = 2 * of_head;
    }
    for (std::size_t key = 0; key < 2 * 2; ++key) { // of head 0: 4, then 6; 32, then -4
      tensors.k[key * 48] = key % 2 == 0 ? 1 : 8;
      tensors.k[key * 48 + 40] = key % 2 == 0 ? 1 : -18;
    }
    tensors.q_descale = {0.5, 2};
    tensors.k_descale = {1, 3};
    tensors.v_descale = {1, 1};
  }
};

TEST(LseSlack, ByHand) { // the first query sees key 0 alone, the second both
  ByHand problem;
  const auto slack = [&] { return forward(problem.spec, problem.lengths, problem.tensors).lse_slack; };
  const std::vector<double> expected{
      0.25 * 10 * 0x1p-13, 0.25 * 36 * 0x1p-13, 0.5 * 10 * 0x1p-13, 0.5 * 36 * 0x1p-13, //
      3 * 10 * 0x1p-13,    3 * 36 * 0x1p-13,    6 * 10 * 0x1p-13,   6 * 36 * 0x1p-13};
  EXPECT_EQ(slack(), expected);
  problem.spec.softcap = 2;
  problem.spec.alibi = Alibi::PerHead;
  problem.tensors.alibi_slopes = {1, 2};
  problem.spec.sink = true;
  problem.tensors.sink = {1, 2};
  EXPECT_EQ(slack(), expected);
}

TEST(LseSlack, OfTheExactResultOfEightBitsAlone) {
  ByHand problem;
  EXPECT_THAT(plainForward(problem.spec, problem.lengths, problem.tensors).lse_slack, testing::IsEmpty());
  for (const DType dtype : {DType::F16, DType::BF16}) {
    problem.spec.dtype = dtype;
    EXPECT_THAT(forward(problem.spec, problem.lengths, problem.tensors).lse_slack, testing::IsEmpty());
  }
}

TEST(LseSlack, IsWhatEachRowMayBeOffBy) {
  AttentionSpec spec{.dtype = DType::E4M3, .q_heads = 2, .kv_heads = 1, .head_dim = 128, .mask = {"q == k"}};
  spec.scale = 1;
  const Lengths lengths = Lengths::dense(1, 40, 40);
  const Tensors tensors = randomTensors(spec, lengths, 1);
  const Output exact = forward(spec, lengths, tensors), plain = plainForward(spec, lengths, tensors);
  const std::vector<float> o(exact.o.begin(), exact.o.end());
  for (std::size_t row = 0; row < exact.lse.size(); ++row)
    for (const double sign : {-1, 1}) {
      const double bound = 1e-4 * std::max(1.0, std::abs(exact.lse[row])) + exact.lse_slack[row];
      const auto off = [&](double by) {
        std::vector<float> lse(exact.lse.begin(), exact.lse.end());
        lse[row] = static_cast<float>(exact.lse[row] + sign * by);
        return compare(spec, exact, plain, o, lse);
      };
      EXPECT_TRUE(off(0.99 * bound).ok) << row;
      const Comparison wrong = off(1.01 * bound);
      EXPECT_FALSE(wrong.ok) << row;
      EXPECT_THAT(wrong.message, testing::HasSubstr(fmt::format("LSE at {} is", row)));
    }
}

TEST(LseSlack, ExcusesNothingThatIsNotFinite) {
  ByHand problem;
  std::ranges::fill(problem.tensors.q, 1.0f); // with a zero scores would be NaN, and not infinite
  std::ranges::fill(problem.tensors.k, 1.0f);
  for (const float k_descale : {1.0f, INFINITY}) {
    problem.tensors.k_descale[0] = k_descale;
    const Output exact = forward(problem.spec, problem.lengths, problem.tensors);
    const std::vector<float> o(exact.o.begin(), exact.o.end()), lse(exact.lse.begin(), exact.lse.end());
    const auto ok = [&](const std::vector<float>& got) { return compare(problem.spec, exact, exact, o, got).ok; };
    EXPECT_TRUE(ok(lse));
    for (std::size_t row = 0; row < 4; ++row) {
      std::vector<float> wrong = lse;
      wrong[row] = std::isfinite(lse[row]) ? NAN : 0;
      EXPECT_FALSE(ok(wrong)) << k_descale << " " << row;
    }
  }
}

} // namespace
} // namespace attune::reference
