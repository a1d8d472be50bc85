#include "attune/compiler/SpecJson.h"

#include "tests/support/Refusal.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

namespace attune {
namespace {

std::string jsonRefusal(const std::string& text) {
  return refusal([&] { specFromJson(text); });
}

/// The smallest spec plus `more`.
std::string with(const std::string& more) { return R"({"q_heads": 8, "head_dim": 64, )" + more + "}"; }

TEST(SpecJson, ReadsEveryKey) {
  const AttentionSpec s = specFromJson(
      R"({"dtype": "fp16", "q_heads": 28, "kv_heads": 4, "head_dim": 192, "head_dim_v": 128, "causal": "top_left",
          "window": {"left": 4095, "right": 0}, "chunk": 8192, "prefix": 7, "softcap": 50, "alibi": "per_batch_head", "sink": true,
          "scale": 0.0884, "layout": "bhsd", "varlen": false, "outputs": ["o"], "deterministic": false, "batch_invariant": true})");
  EXPECT_EQ(s.dtype, DType::F16);
  EXPECT_EQ(s.q_heads, 28);
  EXPECT_EQ(s.kv_heads, 4);
  EXPECT_EQ(s.head_dim, 192);
  EXPECT_EQ(s.head_dim_v, 128);
  EXPECT_EQ(s.causal, Causal::TopLeft);
  EXPECT_EQ(s.window.left, 4095);
  EXPECT_EQ(s.window.right, 0);
  EXPECT_EQ(s.chunk, 8192);
  EXPECT_EQ(s.prefix, 7);
  EXPECT_EQ(s.softcap, 50);
  EXPECT_EQ(s.alibi, Alibi::PerBatchHead);
  EXPECT_TRUE(s.sink);
  EXPECT_EQ(s.scale, 0.0884);
  EXPECT_EQ(s.layout, Layout::Bhsd);
  EXPECT_FALSE(s.varlen);
  EXPECT_FALSE(s.lse);
  EXPECT_FALSE(s.deterministic);
  EXPECT_TRUE(s.batch_invariant);
}

TEST(SpecJson, Defaults) {
  const AttentionSpec s = specFromJson(R"({"q_heads": 8, "head_dim": 64})");
  EXPECT_EQ(
      specToJson(s),
      R"({"dtype":"bf16","q_heads":8,"kv_heads":8,"head_dim":64,"head_dim_v":64,"causal":"none","window":{"left":null,"right":null},)"
      R"("chunk":null,"prefix":null,"mask":[],"softcap":0.0,"alibi":"none","sink":false,"scale":null,"layout":"bshd","varlen":false,)"
      R"("outputs":["o","lse"],"deterministic":true,"batch_invariant":false})");
}

TEST(SpecJson, BoolsStandForTheUsualChoice) {
  EXPECT_EQ(specFromJson(with(R"("causal": true)")).causal, Causal::BottomRight);
  EXPECT_EQ(specFromJson(with(R"("causal": false)")).causal, Causal::None);
  EXPECT_EQ(specFromJson(with(R"("alibi": true)")).alibi, Alibi::PerHead);
  EXPECT_EQ(specFromJson(with(R"("alibi": false)")).alibi, Alibi::None);
}

TEST(SpecJson, NullIsAbsent) {
  const AttentionSpec s = specFromJson(with(R"("window": null, "chunk": null, "prefix": null, "scale": null)"));
  EXPECT_EQ(specToJson(s), specToJson(specFromJson(R"({"q_heads": 8, "head_dim": 64})")));
}

TEST(SpecJson, CanonicalTextDoesNotDependOnSpelling) {
  EXPECT_EQ(
      specToJson(specFromJson(with(R"("causal": true, "softcap": 50)"))),
      specToJson(specFromJson(
          R"({"softcap": 5e1, "causal": "bottom_right", "head_dim_v": 64, "head_dim": 64, "kv_heads": 8, "q_heads": 8})")));
  AttentionSpec a = specFromJson(with(R"("softcap": 0)")), b = a;
  a.softcap = -0.0;
  b.head_dim_v = 0;
  EXPECT_EQ(specToJson(a), specToJson(b));
}

TEST(SpecJson, Refusals) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {with(R"("casual": true)"), R"(invalid: key "casual": a spec has no such key; did you mean 'causal'?)"},
      {with(R"("kv_head": 8)"), R"(invalid: key "kv_head": a spec has no such key; did you mean 'kv_heads'?)"},
      {with(R"("window": {"lef": 3})"),
       R"(invalid: key "lef": "window" has no such key; did you mean 'left'? (allowed: left, right))"},
      {with(R"("window": 128)"), R"(invalid: "window": 128: it must be an object; write {"left": 4095, "right": 0})"},
      {with(R"("q_heads": 4)"), R"(invalid: the spec, key "q_heads": a key may appear once; drop one of them)"},
      {with(R"("window": {"left": 1, "left": 2})"),
       R"(invalid: the spec, key "left": a key may appear once; drop one of them)"},
      {R"({"q_heads": 28.5, "head_dim": 64})",
       R"(invalid: "q_heads": 28.5: it must be an integer; write a whole number without quotes)"},
      {R"({"q_heads": "28", "head_dim": 64})",
       R"(invalid: "q_heads": "28": it must be an integer; write a whole number without quotes)"},
      {R"({"q_heads": 99999999999, "head_dim": 64})",
       R"(invalid: "q_heads": 99999999999: it is out of range; use a number from -1073741824 to 1073741824)"},
      {R"({"head_dim": 64})", R"(invalid: no "q_heads": a spec needs it; add it)"},
      {R"({"q_heads": 8})", R"(invalid: no "head_dim": a spec needs it; add it)"},
      {with(R"("dtype": "bf61")"),
       R"(invalid: "dtype": "bf61": it must be one of a few names; did you mean 'bf16'? (allowed: bf16, fp16, fp8_e4m3))"},
      {with(R"("dtype": "int4")"),
       R"(invalid: "dtype": "int4": it must be one of a few names; use one of: bf16, fp16, fp8_e4m3)"},
      {with(R"("dtype": 16)"),
       R"(invalid: "dtype": 16: it must be one of a few names; use one of: bf16, fp16, fp8_e4m3)"},
      {with(R"("causal": "bottom-right")"),
       R"(invalid: "causal": "bottom-right": it must be one of a few names; did you mean 'bottom_right'? (allowed: none, bottom_right, top_left))"},
      {with(R"("softcap": "50")"), R"(invalid: "softcap": "50": it must be a number; write it without quotes)"},
      {with(R"("sink": 1)"), R"(invalid: "sink": 1: it must be true or false; write it without quotes)"},
      {with(R"("mask": "k <= q")"),
       R"(invalid: "mask": "k <= q": it must be a list of strings; write ["k <= q + sk - sq and k % 2 == 0"], one string per set of the union)"},
      {with(R"("mask": [3])"),
       R"(invalid: "mask": 3: it must be a list of strings; write ["k <= q + sk - sq and k % 2 == 0"], one string per set of the union)"},
      {with(R"("outputs": ["lse"])"),
       R"(invalid: "outputs": ["lse"]: it must be a list with "o"; write ["o"] or ["o", "lse"])"},
      {with(R"("outputs": ["o", "p"])"),
       R"(invalid: "outputs": "p": there is no such output; write ["o"] or ["o", "lse"])"},
      {"[1]", "invalid: the spec [1]: it must be a JSON object; begin with { and end with }"},
      {"[[[[[[[[[1]]]]]]]]]", "invalid: the spec: it is nested too deeply; an object holds numbers, strings, and small "
                              "lists and objects of them"},
  };
  for (const auto& [json, message] : cases)
    EXPECT_EQ(jsonRefusal(json), message) << json;
}

TEST(SpecJson, DtypesByOtherNamesAreKnown) {
  for (const auto& [alias, name] : {std::pair{"fp8", "fp8_e4m3"},
                                    {"e4m3", "fp8_e4m3"},
                                    {"float8", "fp8_e4m3"},
                                    {"float16", "fp16"},
                                    {"half", "fp16"},
                                    {"bfloat16", "bf16"},
                                    {"BFloat16", "bf16"}})
    EXPECT_EQ(jsonRefusal(with(fmt::format(R"("dtype": "{}")", alias))),
              fmt::format(R"(invalid: "dtype": "{}": it must be one of a few names; did you mean '{}'? )"
                          "(allowed: bf16, fp16, fp8_e4m3)",
                          alias, name));
}

TEST(SpecJson, KeysOfDistancesSayWhereAQueryIs) {
  int said = 0;
  for (const SpecKey& key : specKeys())
    said += key.meaning.ends_with("queries are bottom-right aligned, at q + sk - sq, unless causal is top_left");
  EXPECT_EQ(said, 2) << "window, chunk"; // VisibleTest says that it is so
}

TEST(SpecJson, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", R"({"q_heads": 8,})", R"({"q_heads": NaN})", R"({"scale": 1e999})",
                           R"({"q_heads": 08})", "{'q_heads': 8}", "{\"q_heads\xff\": 8}"})
    EXPECT_TRUE(jsonRefusal(text).starts_with("invalid: the spec: it must be JSON: ")) << text << "\n"
                                                                                       << jsonRefusal(text);
}

TEST(SpecJson, LongValuesAreCutInMessages) {
  const std::string message = jsonRefusal(with("\"dtype\": \"" + std::string(5000, 'x') + "\""));
  EXPECT_LT(message.size(), 200u);
  EXPECT_NE(message.find("..."), std::string::npos);
}

TEST(SpecJson, DeepNestingDoesNotOverflowTheStack) {
  EXPECT_TRUE(jsonRefusal(with("\"mask\": " + std::string(1'000'000, '[')))
                  .starts_with("invalid: the spec: it is nested too deeply"));
}

/// A valid spec of random fields.
AttentionSpec randomSpec(std::mt19937& random) {
  const auto pick = [&](int below) { return std::uniform_int_distribution(0, below - 1)(random); };
  const auto maybe = [&](std::int64_t value) { return pick(2) ? std::optional(value) : std::nullopt; };
  AttentionSpec s;
  s.dtype = static_cast<DType>(pick(3));
  s.kv_heads = 1 + pick(8);
  s.q_heads = s.kv_heads * (1 + pick(8));
  const int step = s.dtype == DType::E4M3 ? 16 : 8;
  s.head_dim = step * (1 + pick(256 / step));
  s.head_dim_v = step * (1 + pick(256 / step));
  if (pick(4) == 0) {
    s.mask = {"k <= q + sk - sq and k % 2 == 0", "k < 16"};
  } else {
    s.causal = static_cast<Causal>(pick(3));
    s.window = {maybe(pick(5000) - 100), maybe(pick(5000) - 100)};
    s.chunk = maybe(1 + pick(9000));
    s.prefix = maybe(pick(9000));
  }
  s.softcap = pick(2) ? 0 : std::uniform_real_distribution(0.1, 100.0)(random);
  s.alibi = static_cast<Alibi>(pick(3));
  s.sink = pick(2);
  if (pick(2))
    s.scale = std::uniform_real_distribution(0.001, 2.0)(random);
  s.varlen = pick(2);
  s.layout = s.varlen ? Layout::Bshd : static_cast<Layout>(pick(3));
  s.lse = pick(2);
  s.deterministic = pick(2);
  s.batch_invariant = pick(2);
  return s;
}

TEST(SpecJson, TextAndSpecRoundTrip) {
  std::mt19937 random(1);
  for (int n = 0; n < 2000; ++n) {
    const AttentionSpec s = randomSpec(random);
    const std::string text = specToJson(s);
    EXPECT_EQ(specToJson(specFromJson(text)), text);
    const AttentionSpec back = specFromJson(text);
    EXPECT_EQ(back.scale, s.scale); // exactly: the shortest text that reads back to the same bits
    EXPECT_EQ(back.softcap, s.softcap);
    EXPECT_EQ(back.window.left, s.window.left);
  }
}

} // namespace
} // namespace attune
