#include "compiler/spec/MaskText.h"

#include "tests/support/Refusal.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace attune {
namespace {

struct Point {
  std::int64_t q, k, sq, sk;
};

bool holds(const std::string& text, Point p) {
  return std::ranges::all_of(parseMask(text), [&](const MaskConstraint& c) {
    const std::int64_t value = evaluate(c.difference, p.q, p.k, p.sq, p.sk);
    return c.equality ? value == 0 : value >= 0;
  });
}

TEST(MaskText, Comparisons) {
  for (std::int64_t k = 3; k <= 5; ++k) {
    const Point p{4, k, 8, 8};
    EXPECT_EQ(holds("k < q", p), k < 4);
    EXPECT_EQ(holds("k <= q", p), k <= 4);
    EXPECT_EQ(holds("k > q", p), k > 4);
    EXPECT_EQ(holds("k >= q", p), k >= 4);
    EXPECT_EQ(holds("k == q", p), k == 4);
  }
}

TEST(MaskText, ArithmeticBindsAsInPython) {
  const Point p{5, 7, 11, 13};
  for (const auto& [text, value] : std::vector<std::pair<std::string, std::int64_t>>{
           {"q + 2 * k", 19}, {"(q + 2) * 3", 21}, {"q - k - 1", -3},    {"q - (k - 1)", -1},   {"-q + k", 2},
           {"--q", 5},        {"q - k // 2", 2},   {"(q - k) // 2", -1}, {"(q - sk) // 5", -2}, {"(q - sk) % 5", 2},
           {"k % 4 * 2", 6},  {"k // 2 // 2", 1},  {"sk - sq", 2},       {"2 * 3 + 4", 10},     {"k % (2 + 1)", 1},
           {"- 3 * q", -15},  {"q*-3", -15},       {"7 // 2", 3},        {"-7 // 2", -4},       {"-7 % 4", 1},
       })
    EXPECT_TRUE(holds(text + " == " + std::to_string(value), p)) << text;
}

TEST(MaskText, SpacesAndWords) {
  EXPECT_TRUE(holds("  k<=q+sk-sq   and k%2==0 ", {5, 4, 8, 8}));
  EXPECT_FALSE(holds("k<=q and k%2==0", {5, 3, 8, 8}));
  EXPECT_TRUE(holds("k\t<=\nq", {5, 5, 8, 8}));
}

TEST(MaskText, RefusalsPointAtTheColumn) {
  const std::string help =
      "; write comparisons of q, k, sq, sk and integers joined by 'and', such as \"k <= q + sk - sq and k % 2 == 0\"";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "\", column 1: expected q, k, sq, sk, an integer or '('" + help},
      {"k <= ", "\", column 6: expected q, k, sq, sk, an integer or '('" + help},
      {"k", "\", column 2: expected a comparison: < <= > >= ==" + help},
      {"k = q", "\", column 3: expected a comparison: < <= > >= ==" + help},
      {"k != q", "\", column 3: a set has no '!='; write two sets of a union, one with < and one with >"},
      {"k < q or k < 3", "\", column 7: a set has no 'or'; a union is a list: write each set as a string of its own"},
      {"k < q, k < 3", "\", column 6: expected 'and' or the end" + help},
      {"0 <= k <= q", "\", column 8: expected 'and' or the end" + help},
      {"x < q", "\", column 1: expected q, k, sq, sk, an integer or '('" + help},
      {"key < q", "\", column 1: expected q, k, sq, sk, an integer or '('" + help},
      {"k < q.", "\", column 6: expected 'and' or the end" + help},
      {"(k < q", "\", column 4: expected ')'" + help},
      {"q * k < 3", "\", column 3: a product needs an integer on one side: the mask must be affine" + help},
      {"k // q < 3", "\", column 6: a divisor must be a positive integer" + help},
      {"k % 0 < 3", "\", column 5: a divisor must be a positive integer" + help},
      {"k % -2 < 3", "\", column 5: a divisor must be a positive integer" + help},
      {"k < 99999999999",
       "\", column 5: integers go up to 2^31 - 1; leave the comparison out if it never holds back a key"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(refusal([&] { parseMask(text); }), "invalid: mask \"" + text + message);
}

TEST(MaskText, ValuesStayIn32Bits) {
  EXPECT_EQ(refusal([] { parseMask("k * 2000 < q"); }), "");
  const std::string rule = ": the value up to here leaves 32 bits for positions up to 2^20; use smaller factors";
  EXPECT_EQ(refusal([] { parseMask("k * 5000 < q"); }), "invalid: mask \"k * 5000 < q\", column 9" + rule);
  EXPECT_EQ(refusal([] { parseMask("65536 * 65536 < q"); }), "invalid: mask \"65536 * 65536 < q\", column 14" + rule);
  EXPECT_EQ(refusal([] { parseMask("k * 9 * 9 * 9 * 9 < q"); }),
            "invalid: mask \"k * 9 * 9 * 9 * 9 < q\", column 18" + rule);
}

TEST(MaskText, HostileSizes) {
  EXPECT_EQ(refusal([] { parseMask(std::string(60, '(') + "k" + std::string(60, ')') + " < q"); }), "");
  EXPECT_NE(refusal([] {
              parseMask(std::string(70, '(') + "k" + std::string(70, ')') + " < q");
            }).find("nested more than 64 deep"),
            std::string::npos);
  EXPECT_NE(refusal([] { parseMask(std::string(70, '-') + "k < q"); }).find("nested more than 64 deep"),
            std::string::npos);
  EXPECT_NE(refusal([] { parseMask("k < q" + std::string(1'000'000, ' ')); }).find("at most 1024 characters"),
            std::string::npos);
}

} // namespace
} // namespace attune
