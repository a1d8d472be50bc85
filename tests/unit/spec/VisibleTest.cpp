#include "attune/compiler/Visible.h"

#include <gtest/gtest.h>

#include <vector>

namespace attune {
namespace {

using Rule = std::function<bool(std::int64_t q, std::int64_t k, std::int64_t sq, std::int64_t sk)>;

const std::vector<std::pair<int, int>> shapes = {{1, 1},  {1, 9}, {9, 1}, {7, 7},  {5, 13},
                                                 {13, 5}, {0, 4}, {4, 0}, {17, 33}};

AttentionSpec masked(Causal causal, Window window = {}) {
  AttentionSpec s;
  s.q_heads = s.kv_heads = 1;
  s.head_dim = 8;
  s.causal = causal;
  s.window = window;
  return s;
}

AttentionSpec custom(std::vector<std::string> sets) {
  AttentionSpec s = masked(Causal::None);
  s.mask = std::move(sets);
  return s;
}

/// Every pair of every shape, keys outside [0, sk) included.
void expectSame(const AttentionSpec& spec, const Rule& rule) {
  const auto visible = visibility(spec);
  for (const auto& [sq, sk] : shapes)
    for (int q = 0; q < sq; ++q)
      for (int k = -2; k < sk + 2; ++k)
        ASSERT_EQ(visible(q, k, sq, sk), k >= 0 && k < sk && rule(q, k, sq, sk))
            << q << ", " << k << " of " << sq << " x " << sk;
}

void expectSame(const AttentionSpec& a, const AttentionSpec& b) { expectSame(a, visibility(b)); }

TEST(Visible, NoMaskSeesAllKeys) {
  expectSame(masked(Causal::None), [](auto...) { return true; });
}

TEST(Visible, CausalAlignments) {
  expectSame(masked(Causal::BottomRight), [](auto q, auto k, auto sq, auto sk) { return k <= q + sk - sq; });
  expectSame(masked(Causal::TopLeft), [](auto q, auto k, auto, auto) { return k <= q; });
}

TEST(Visible, AlignmentIdentities) {
  const auto bottom = visibility(masked(Causal::BottomRight)), top = visibility(masked(Causal::TopLeft));
  for (int n = 1; n < 12; ++n)
    for (int k = 0; k < n; ++k) {
      EXPECT_TRUE(bottom(n - 1, k, n, n)) << "the last query sees every key";
      EXPECT_EQ(top(0, k, n, n), k == 0) << "the first query sees the first key only";
      EXPECT_TRUE(bottom(0, k, 1, n)) << "decode sees the whole cache";
      for (int q = 0; q < n; ++q) {
        EXPECT_EQ(bottom(q, k, n, n), top(q, k, n, n)) << "both agree on squares";
        EXPECT_EQ(bottom(q, k, n, n), bottom(0, k, 1, q + 1) && k <= q) << "prefill's rows are decode's steps";
        EXPECT_EQ(bottom(q, k, n, n), bottom(n - 1 - k, n - 1 - q, n, n)) << "the anti-diagonal is a mirror";
      }
    }
}

TEST(Visible, WindowsCountInclusiveDistances) {
  expectSame(masked(Causal::None, {2, 1}), [](auto q, auto k, auto sq, auto sk) {
    const auto p = q + sk - sq;
    return k >= p - 2 && k <= p + 1;
  });
  expectSame(masked(Causal::TopLeft, {2, {}}), [](auto q, auto k, auto, auto) { return k <= q && k >= q - 2; });
  expectSame(masked(Causal::BottomRight), masked(Causal::None, {{}, 0})); // causal is right = 0
  expectSame(masked(Causal::BottomRight),
             masked(Causal::BottomRight, {1000, 1000}));                           // wider than the sequence: no window
  expectSame(masked(Causal::None, {0, -1}), [](auto...) { return false; });        // empty
  expectSame(masked(Causal::None, {-1, 3}), [](auto q, auto k, auto sq, auto sk) { // ahead only
    return k > q + sk - sq && k <= q + sk - sq + 3;
  });
}

TEST(Visible, AModelThatSeesWKeysHasLeftWMinusOne) {
  const auto visible = visibility(masked(Causal::BottomRight, {4 - 1, {}}));
  for (int q = 0; q < 10; ++q) {
    int seen = 0;
    for (int k = 0; k < 10; ++k)
      seen += visible(q, k, 10, 10);
    EXPECT_EQ(seen, std::min(q + 1, 4));
  }
}

TEST(Visible, ChunksAndPrefixes) {
  AttentionSpec chunked = masked(Causal::BottomRight);
  chunked.chunk = 4;
  expectSame(chunked, custom({"k <= q + sk - sq and k // 4 == (q + sk - sq) // 4"})); // positions below 0 round down
  AttentionSpec prefixed = masked(Causal::BottomRight, {2, {}});
  prefixed.prefix = 3;
  expectSame(prefixed, custom({"k <= q + sk - sq and k >= q + sk - sq - 2", "k < 3"}));
  prefixed.prefix = 0;
  expectSame(prefixed, masked(Causal::BottomRight, {2, {}}));
}

TEST(Visible, CustomMasksAreUnionsOfConjunctions) {
  expectSame(custom({"k <= q + sk - sq"}), masked(Causal::BottomRight));
  expectSame(custom({"k <= q"}), masked(Causal::TopLeft));
  expectSame(custom({"k < q", "k > q"}), [](auto q, auto k, auto, auto) { return k != q; });
  expectSame(custom({"k % 3 == 1 and k <= q"}), [](auto q, auto k, auto, auto) { return k % 3 == 1 && k <= q; });
  expectSame(custom({"k < 0"}), [](auto...) { return false; });
}

TEST(Visible, RowsBeforeTheFirstKeySeeNothing) {
  const auto visible = visibility(masked(Causal::BottomRight));
  for (int q = 0; q < 8; ++q) // 13 queries on 5 keys: positions -8 ... 4
    for (int k = 0; k < 5; ++k)
      EXPECT_FALSE(visible(q, k, 13, 5));
}

TEST(Visible, AlignedPosition) {
  EXPECT_EQ(alignedPosition(masked(Causal::BottomRight), 2, 5, 13), 10);
  EXPECT_EQ(alignedPosition(masked(Causal::None), 2, 5, 13), 10);
  EXPECT_EQ(alignedPosition(masked(Causal::TopLeft), 2, 5, 13), 2);
}

} // namespace
} // namespace attune
