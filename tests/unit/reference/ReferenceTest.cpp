#include "attune/compiler/SpecJson.h"
#include "attune/compiler/Visible.h"

#include "runtime/reference/Random.h"
#include "runtime/reference/Visibility.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune::reference {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A third way of writing it: one loop over everything, straight from the definition.
Output naive(const AttentionSpec& spec, const Lengths& lengths, const Tensors& t) {
  const int d = spec.head_dim, dv = spec.head_dim_v, group = spec.q_heads / spec.kv_heads;
  Output out{std::vector<double>(t.q.size() / d * dv), std::vector<double>(t.q.size() / d)};
  for (int b = 0; b < lengths.batch(); ++b)
    for (int h = 0; h < spec.q_heads; ++h)
      for (int i = 0; i < lengths.sq(b); ++i) {
        const std::size_t row = static_cast<std::size_t>(lengths.cu_seqlens_q[b] + i) * spec.q_heads + h;
        const auto visible = visiblePairs(spec, lengths.sq(b), lengths.sk(b));
        double sum = spec.sink ? std::exp(static_cast<double>(t.sink[h])) : 0;
        for (int k = 0; k < lengths.sk(b); ++k) {
          if (!visible[static_cast<std::size_t>(i) * lengths.sk(b) + k])
            continue;
          const std::size_t key = static_cast<std::size_t>(lengths.cu_seqlens_k[b] + k) * spec.kv_heads + h / group;
          double s = 0;
          for (int c = 0; c < d; ++c)
            s += static_cast<double>(t.q[row * d + c]) * t.k[key * d + c];
          s *= spec.scale.value_or(1 / std::sqrt(d));
          if (spec.softcap > 0)
            s = spec.softcap * std::tanh(s / spec.softcap);
          if (spec.alibi != Alibi::None)
            s -= t.alibi_slopes[spec.alibi == Alibi::PerHead ? h : b * spec.q_heads + h] *
                 std::abs(static_cast<double>(alignedPosition(spec, i, lengths.sq(b), lengths.sk(b)) - k));
          sum += std::exp(s);
          for (int c = 0; c < dv; ++c)
            out.o[row * dv + c] += std::exp(s) * t.v[key * dv + c];
        }
        for (int c = 0; sum > 0 && c < dv; ++c)
          out.o[row * dv + c] /= sum;
        out.lse[lseIndex(spec, lengths, b, h, i)] = std::log(sum);
      }
  return out;
}

AttentionSpec small() { return {.dtype = DType::BF16, .q_heads = 4, .kv_heads = 2, .head_dim = 24, .head_dim_v = 16}; }

void expectNaive(const AttentionSpec& spec, const Lengths& lengths) {
  const Tensors tensors = randomTensors(spec, lengths, 7);
  const Output got = forward(spec, lengths, tensors), expected = naive(spec, lengths, tensors);
  for (std::size_t i = 0; i < got.o.size(); ++i)
    ASSERT_NEAR(got.o[i], expected.o[i], 1e-11) << i;
  for (std::size_t i = 0; i < got.lse.size(); ++i)
    ASSERT_TRUE(got.lse[i] == expected.lse[i] || std::abs(got.lse[i] - expected.lse[i]) < 1e-11)
        << got.lse[i] << " " << expected.lse[i];
  // plain code is close, but not exact
  const Output plain = plainForward(spec, lengths, tensors);
  double error = 0;
  for (std::size_t i = 0; i < got.o.size(); ++i)
    error = std::max(error, std::abs(plain.o[i] - got.o[i]));
  EXPECT_GT(error, 1e-4);
  EXPECT_LT(error, 5e-2);
}

TEST(Reference, EqualsTheDefinition) {
  const Lengths lengths = Lengths::dense(2, 19, 37);
  expectNaive(small(), lengths);
  AttentionSpec spec = small();
  spec.causal = Causal::BottomRight;
  spec.softcap = 5;
  expectNaive(spec, lengths);
  spec.alibi = Alibi::PerBatchHead;
  spec.sink = true;
  spec.window.left = 9;
  expectNaive(spec, lengths);
  spec = small();
  spec.causal = Causal::TopLeft;
  spec.chunk = 8;
  spec.prefix = 3;
  spec.scale = 0.3;
  spec.alibi = Alibi::PerHead;
  expectNaive(spec, lengths);
}

TEST(Reference, PackedSequencesOfAnyLength) {
  AttentionSpec spec = small();
  spec.varlen = true;
  spec.causal = Causal::BottomRight;
  expectNaive(spec, {{0, 5, 5, 20, 21}, {0, 7, 20, 20, 21}}); // no query, no key, one of each
}

TEST(Visibility, ByHand) {
  AttentionSpec spec = small();
  const auto row = [&](int q, int sq, int sk) {
    const auto visible = visiblePairs(spec, sq, sk);
    std::string text;
    for (int k = 0; k < sk; ++k)
      text += visible[static_cast<std::size_t>(q) * sk + k] ? 'x' : '.';
    return text;
  };
  spec.causal = Causal::BottomRight;
  EXPECT_EQ(row(0, 3, 5), "xxx..");
  EXPECT_EQ(row(0, 5, 3), "...");
  spec.window.left = 1;
  EXPECT_EQ(row(1, 3, 5), "..xx.");
  spec.prefix = 1;
  EXPECT_EQ(row(1, 3, 5), "x.xx.");
  spec = small();
  spec.causal = Causal::TopLeft;
  EXPECT_EQ(row(1, 3, 5), "xx...");
  spec.chunk = 2;
  EXPECT_EQ(row(2, 3, 5), "..x..");
  spec = small();
  spec.window = {.left = -1, .right = 2};
  EXPECT_EQ(row(1, 5, 5), "..xx.");
}

TEST(Reference, HiddenNaNNeverReachesO) {
  AttentionSpec spec = small();
  spec.causal = Causal::BottomRight;
  const Lengths lengths = Lengths::dense(1, 8, 8);
  Tensors tensors = randomTensors(spec, lengths, 3);
  const Output clean = forward(spec, lengths, tensors);
  for (int i = 5 * spec.kv_heads * spec.head_dim; i < 6 * spec.kv_heads * spec.head_dim; ++i)
    tensors.k[i] = NAN;
  for (int i = 5 * spec.kv_heads * spec.head_dim_v; i < 6 * spec.kv_heads * spec.head_dim_v; ++i)
    tensors.v[i] = NAN;
  const Output planted = forward(spec, lengths, tensors);
  const std::size_t seen_from = static_cast<std::size_t>(5) * spec.q_heads * spec.head_dim_v;
  for (std::size_t i = 0; i < clean.o.size(); ++i)
    if (i < seen_from)
      EXPECT_NEAR(planted.o[i], clean.o[i], 1e-14); // sums in another order
    else
      EXPECT_TRUE(std::isnan(planted.o[i]));
}

TEST(Reference, RowsThatSeeNothing) {
  AttentionSpec spec = small();
  spec.causal = Causal::BottomRight;
  const Lengths lengths = Lengths::dense(1, 5, 2);
  const Output output = forward(spec, lengths, randomTensors(spec, lengths, 1));
  for (int i = 0; i < 3 * spec.q_heads * spec.head_dim_v; ++i)
    EXPECT_EQ(output.o[i], 0);
  EXPECT_EQ(output.lse[lseIndex(spec, lengths, 0, 1, 2)], -infinity);
  EXPECT_GT(output.lse[lseIndex(spec, lengths, 0, 1, 3)], -infinity);
}

TEST(Compare, NoticesAWrongCapInOAlone) { // LSE shows it too, but not every spec asks for LSE
  for (const DType dtype : {DType::BF16, DType::F16})
    for (const int head_dim : {64, 128})
      for (const double cap : {20.0, 50.0}) {
        AttentionSpec spec{.dtype = dtype, .q_heads = 2, .kv_heads = 1, .head_dim = head_dim, .softcap = cap};
        spec.lse = false;
        const Lengths lengths = Lengths::dense(1, 60, 260);
        const Tensors tensors = randomTensors(spec, lengths, 1);
        AttentionSpec wrong = spec;
        wrong.softcap *= 1.05;
        const auto o = [&](const AttentionSpec& computed) {
          const Output exact = forward(computed, lengths, tensors);
          return std::vector<float>(exact.o.begin(), exact.o.end());
        };
        EXPECT_TRUE(compare(spec, lengths, tensors, o(spec), {}).ok);
        EXPECT_FALSE(compare(spec, lengths, tensors, o(wrong), {}).ok) << specToJson(spec);
      }
}

TEST(Compare, NoticesWhatIsWrong) {
  const AttentionSpec spec = small();
  const Lengths lengths = Lengths::dense(1, 9, 9);
  const Tensors tensors = randomTensors(spec, lengths, 5);
  const Output exact = forward(spec, lengths, tensors), plain = plainForward(spec, lengths, tensors);
  std::vector<float> o(plain.o.begin(), plain.o.end()), lse(exact.lse.begin(), exact.lse.end());
  EXPECT_TRUE(compare(spec, exact, plain, o, lse).ok);
  const auto broken = [&](std::vector<float> wrong_o, std::vector<float> wrong_lse) {
    return compare(spec, exact, plain, wrong_o, wrong_lse);
  };
  const double bound = compare(spec, exact, plain, o, lse).error_bound;
  std::vector<float> off = o;
  off[77] = static_cast<float>(exact.o[77] + 1.01 * bound);
  EXPECT_FALSE(broken(off, lse).ok);
  EXPECT_THAT(broken(off, lse).message, testing::HasSubstr("token 1, head 0, column 13"));
  off[77] = NAN;
  EXPECT_FALSE(broken(off, lse).ok);
  off = lse;
  off[3] += 2e-4f * std::max(1.0f, std::abs(off[3]));
  EXPECT_FALSE(broken(o, off).ok);
  EXPECT_FALSE(broken({}, lse).ok);
}

} // namespace
} // namespace attune::reference
