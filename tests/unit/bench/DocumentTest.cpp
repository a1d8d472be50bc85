#include "autotune/bench/Document.h"

#include <algorithm>
#include <regex>

#include <gtest/gtest.h>

namespace attune::bench {
namespace {

Document measured() {
  Case c{"prefill",
         "d128 full, \"long\"",
         {.q_heads = 16, .kv_heads = 16, .head_dim = 128, .head_dim_v = 128},
         reference::Lengths::dense(1, 1000, 1000)};
  CaseResult result{.measured = c, .schedule = "</script>", .splits = 1, .us = Measurement{20, 0.01, 5}};
  result.clocks = {{"sm_mhz", 1980}};
  return {.machine = {{"device", {{"name", "a GPU"}}}},
          .suites = {"prefill"},
          .ceilings = {{"bf16_matmul", "TFLOPS", "", Measurement{819.2, 0, 5}}, {"copy", "GB/s", "it is wrong", {}}},
          .cases = {result}};
}

TEST(Document, SharesAreOfTheRunsOwnCeilings) {
  const nlohmann::json document = toJson(measured());
  const nlohmann::json& c = document["cases"][0];
  EXPECT_DOUBLE_EQ(c["tflops"], 409.6); // 4 x 16 x 10^6 x 128 in 20 us
  EXPECT_DOUBLE_EQ(c["share_of_matmul"], 0.5);
  EXPECT_TRUE(c["share_of_copy"].is_null());
  EXPECT_TRUE(document["kernel_speed_measured"]);
  EXPECT_FALSE(document["ok"]); // a ceiling was wrong
  EXPECT_FALSE(document.contains("note"));
}

TEST(Document, AnEmulatedRunHasNoSpeedInAnyOutput) {
  Document document = measured();
  document.emulated = true;
  document.ceilings = {{"bf16_matmul", "TFLOPS", "", {}}};
  document.cases[0].us.reset();
  const nlohmann::json json = toJson(document);
  EXPECT_FALSE(json["kernel_speed_measured"]);
  EXPECT_EQ(json["note"], noSpeedMeasured());
  for (const char* key : {"time_us", "tflops", "gbytes_per_s", "share_of_matmul", "clocks"})
    EXPECT_FALSE(json["cases"][0].contains(key)) << key;
  EXPECT_NE(toCsv(document).find("No speed of a kernel was measured"), std::string::npos);
  EXPECT_NE(toHtml(document).find("No speed of a kernel was measured"), std::string::npos);
}

TEST(Document, CsvHasAsManyFieldsInEachLine) {
  Document document = measured();
  document.figures = {{"jit", "qwen, from disk", "ms", {1.5, 0, 3}}};
  const std::string csv = toCsv(document);
  const std::regex quoted_field("\"([^\"]|\"\")*\"");
  std::string plain = std::regex_replace(csv, quoted_field, "x");
  std::size_t lines = 0;
  for (std::size_t at = 0, end = 0; (end = plain.find('\n', at)) != std::string::npos; at = end + 1, ++lines)
    EXPECT_EQ(std::count(plain.begin() + static_cast<long>(at), plain.begin() + static_cast<long>(end), ','), 12)
        << plain.substr(at, end - at);
  EXPECT_EQ(lines, 5u); // heading, two ceilings, a case, a figure
}

TEST(Document, PageCarriesItsDataAndLoadsNothing) {
  const std::string page = toHtml(measured());
  EXPECT_EQ(page.find("DOCUMENT"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
  EXPECT_EQ(page.find("src="), std::string::npos);
  EXPECT_EQ(page.find("</script>"), page.rfind("</script>")) << "the data ended the script";
}

} // namespace
} // namespace attune::bench
