#include "autotune/bench/Document.h"

#include <algorithm>
#include <fstream>
#include <regex>

#include <gtest/gtest.h>

namespace attune::bench {
namespace {

Document measured() {
  Case c{"prefill",
         "d128 full, \"long\"",
         {.q_heads = 16, .kv_heads = 16, .head_dim = 128, .head_dim_v = 128},
         reference::Lengths::dense(1, 1000, 1000)};
  CaseResult result{.measured = c, .schedule = "text", .splits = 1, .us = Measurement{20, 0.01, 5}};
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

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++n;
  return n;
}

/// Every case of the suites, with times that are made up: no device has them.
Document madeUp() {
  Document document{.machine = {{"device", {{"name", "a GPU that is made up"}}}, {"driver", "1.2"}, {"cores", 8}},
                    .commit = "0000000",
                    .suites = {"prefill", "decode", "varlen", "jit", "host"},
                    .ceilings = {{"bf16_matmul", "TFLOPS", "", Measurement{800, 0.003, 9}},
                                 {"fp8_matmul", "TFLOPS", "", Measurement{1500, 0.003, 9}},
                                 {"copy", "GB/s", "", Measurement{4200, 0.001, 9}}},
                    .figures = {{"jit", "qwen2.5-7b prefill sm_90a, nothing cached", "ms", {640, 0.02, 5}},
                                {"jit", "qwen2.5-7b prefill sm_90a, of it spec to CUDA", "ms", {30, 0.02, 5}},
                                {"jit", "qwen2.5-7b prefill sm_90a, of it NVRTC", "ms", {500, 0.02, 5}},
                                {"jit", "qwen2.5-7b prefill sm_90a, from disk", "ms", {2.5, 0.02, 5}},
                                {"host", "launch without the driver", "us", {0.6, 0.02, 5}}}};
  for (const char* suite : {"prefill", "decode", "varlen"})
    for (const Case& c : casesOf(suite)) {
      const double top = c.spec.dtype == DType::E4M3 ? 1500e6 : 800e6;
      const double us = 6 + std::max(flops(c) / (0.8 * top), bytes(c) / (0.92 * 4200e3));
      document.cases.push_back({.measured = c,
                                .schedule = "q_tile=128 kv_tile=128",
                                .splits = 1,
                                .us = Measurement{us, 0.004, 9},
                                .clocks = {{"sm_mhz", 1755}}});
    }
  return document;
}

TEST(Page, HasAPlaceForEveryCaseAndLoadsNothing) {
  const Document document = madeUp();
  const std::string page = toHtml(document);
  std::ofstream(testing::TempDir() + "attune_bench.html") << page; // to be looked at
  EXPECT_EQ(page.find("{{"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("://"), std::string::npos) << "it needs no network";
  EXPECT_EQ(count(page, "<svg"), count(page, "</svg>"));
  const std::size_t skewed = casesOf("varlen").size(); // they have no length to be plotted over
  EXPECT_EQ(count(page, "<circle"), document.cases.size() - skewed);
  EXPECT_EQ(count(page, "of bf16 matrix product</td>") + count(page, "of copy</td>"), skewed);
  EXPECT_EQ(count(page, "width:100.0%"), 1u) << "the one launch is as long as the longest";
  EXPECT_NE(page.find("width:78.1%"), std::string::npos) << "NVRTC's part of 640 ms";
}

TEST(Page, EscapesWhatItSays) {
  Document document = measured();
  document.cases[0].schedule = "<b>&";
  const std::string page = toHtml(document);
  EXPECT_EQ(page.find("<b>&"), std::string::npos);
  EXPECT_NE(page.find("&lt;b&gt;&amp;"), std::string::npos);
  EXPECT_NE(page.find("it is wrong"), std::string::npos);
}

TEST(Document, WhatADeviceCannotRunIsNoFailure) {
  Document document = measured();
  document.ceilings[1].failure.clear();
  document.cases[0].us.reset();
  document.cases[0].skipped = "fp8: not here";
  EXPECT_FALSE(document.failed());
  EXPECT_EQ(toJson(document)["cases"][0]["skipped"], "fp8: not here");
  EXPECT_NE(toCsv(document).find("fp8: not here"), std::string::npos);
  EXPECT_NE(toHtml(document).find("skipped: fp8: not here"), std::string::npos);
}

} // namespace
} // namespace attune::bench
