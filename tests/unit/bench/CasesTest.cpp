#include "autotune/bench/Cases.h"
#include "autotune/measure/Verifier.h"

#include "runtime/reference/Visibility.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace attune::bench {
namespace {

Case square(AttentionSpec spec, int sq, int sk) { return {"prefill", "", spec, reference::Lengths::dense(2, sq, sk)}; }

AttentionSpec spec(Causal causal) {
  AttentionSpec s{.q_heads = 16, .kv_heads = 4, .head_dim = 128, .head_dim_v = 64};
  s.causal = causal;
  return s;
}

TEST(Flops, AreThoseOfTheField) {
  EXPECT_EQ(flops(square(spec(Causal::None), 512, 512)), 2.0 * 2 * (128 + 64) * 16 * 512 * 512);
  EXPECT_EQ(flops(square(spec(Causal::BottomRight), 512, 512)), 2.0 * (128 + 64) * 16 * 512 * 512);
  EXPECT_NEAR(flops(square(spec(Causal::BottomRight), 1, 4096)), 2.0 * 2 * (128 + 64) * 16 * 4096, 2e-4 * 1e8);
}

TEST(Flops, OfAWindowAreThePairsThatAreVisible) {
  for (const Causal causal : {Causal::None, Causal::BottomRight, Causal::TopLeft})
    for (const int cut : {0, 1, 2, 3}) {
      AttentionSpec s = spec(causal);
      if (cut % 2 == 0)
        s.window.left = 17;
      if (cut == 1 || cut == 2)
        s.window.right = 5;
      if (cut == 3)
        s.chunk = 40;
      if (cut == 3 && causal != Causal::BottomRight)
        continue; // a chunk alone also ends above
      const auto visible = reference::visiblePairs(s, 130, 150);
      const auto pairs = std::count(visible.begin(), visible.end(), 1);
      EXPECT_EQ(flops(square(s, 130, 150)), 2.0 * 2 * (128 + 64) * 16 * static_cast<double>(pairs));
    }
}

TEST(Bytes, AreEachTensorOnce) {
  EXPECT_EQ(bytes(square(spec(Causal::None), 100, 300)), 2.0 * 2 * (128 + 64) * (100 * 16 + 300 * 4));
  AttentionSpec fp8 = spec(Causal::None); // Q, K and V have one byte, O has two
  fp8.dtype = DType::E4M3;
  EXPECT_EQ(bytes(square(fp8, 100, 300)), 2.0 * ((128 + 2 * 64) * 100 * 16 + (128 + 64) * 300 * 4));
  AttentionSpec windowed = spec(Causal::BottomRight);
  windowed.window.left = 127; // of a long cache one query sees 128 keys
  EXPECT_EQ(bytes(square(windowed, 1, 4096)), 2.0 * 2 * (128 + 64) * (16 + 128 * 4));
}

TEST(Suites, HaveTheShapesThatWerePromised) {
  std::set<int> head_dims, lengths, groups, batches, contexts;
  for (const Case& c : casesOf("prefill")) {
    head_dims.insert(c.spec.head_dim);
    lengths.insert(c.lengths.sq(0));
    if (c.name.starts_with("d") && !c.name.starts_with("deep") && c.spec.q_heads * c.spec.head_dim == 2048 &&
        c.lengths.sq(0) <= 16384) {
      EXPECT_EQ(c.lengths.cu_seqlens_q.back(), 16384) << c.name;
    }
  }
  for (const Case& c : casesOf("decode")) {
    groups.insert(c.spec.q_heads / c.spec.kv_heads);
    batches.insert(c.lengths.batch());
    contexts.insert(c.lengths.sk(0));
    EXPECT_EQ(c.lengths.sq(0), 1);
  }
  EXPECT_EQ(head_dims, (std::set{64, 128, 192, 256}));
  EXPECT_EQ(lengths, (std::set{512, 1024, 2048, 4096, 8192, 16384, 32768}));
  EXPECT_EQ(groups, (std::set{1, 4, 7, 8}));
  EXPECT_EQ(batches, (std::set{1, 4, 16, 64, 128}));
  EXPECT_EQ(contexts, (std::set{1024, 4096, 16384, 65536, 131072}));
  EXPECT_THROW(casesOf("jit"), UserError);
}

TEST(Suites, NamesAreTheirOwn) {
  for (const char* suite : {"prefill", "decode", "varlen"}) {
    std::set<std::string> names;
    for (const Case& c : casesOf(suite)) {
      EXPECT_TRUE(names.insert(c.name).second) << c.name;
      const Case small = tiny(c);
      EXPECT_EQ(specToJson(small.spec), specToJson(c.spec));
      EXPECT_LE(small.lengths.cu_seqlens_k.back(), 144);
      EXPECT_GE(small.lengths.sq(0), 1);
    }
  }
}

TEST(Varlen, LengthsAreSkewed) {
  for (const Case& c : casesOf("varlen")) {
    int longest = 0;
    for (int b = 0; b < c.lengths.batch(); ++b)
      longest = std::max(longest, c.lengths.sk(b));
    EXPECT_TRUE(c.spec.varlen);
    EXPECT_EQ(c.lengths.batch(), 32);
    EXPECT_LT(c.lengths.cu_seqlens_k.back(), 32 * longest * 6 / 10) << c.name;
    EXPECT_NE(c.name.find(std::to_string(longest)), std::string::npos) << c.name;
  }
}

TEST(Varlen, IsVerifiedAsPackedSequences) {
  const auto device = openDevice("emulated");
  for (const Case& c : casesOf("varlen")) {
    const reference::Lengths small = autotune::Verifier(device, c.spec, c.problem(), &c.lengths).lengths();
    ASSERT_EQ(small.batch(), 5) << c.name;
    int empty = 0, longest = 0, shortest = 1 << 20;
    for (int b = 0; b < small.batch(); ++b) {
      empty += small.sk(b) == 0;
      longest = std::max(longest, small.sk(b));
      shortest = std::min(shortest, small.sk(b) > 0 ? small.sk(b) : shortest);
      EXPECT_EQ(small.sq(b) > 0, small.sk(b) > 0);
    }
    EXPECT_EQ(empty, 1) << c.name;
    EXPECT_EQ(longest, c.problem().q_len == 1 ? 2083 : 357) << c.name;
    EXPECT_LT(shortest, longest / 8) << c.name; // as skewed as the case is
  }
}

} // namespace
} // namespace attune::bench
