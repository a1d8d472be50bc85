#include "autotune/report/Page.h"
#include "autotune/report/Plot.h"
#include "autotune/report/Template.h"
#include "autotune/search/Tuner.h"
#include "tests/unit/autotune/SimulatedDevice.h"

#include "attune/compiler/Error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

namespace attune::autotune {
namespace {

const AttentionSpec gqa{
    .q_heads = 32, .kv_heads = 8, .head_dim = 128, .head_dim_v = 128, .causal = Causal::BottomRight};
const Problem decode{.batch = 4, .q_len = 1, .kv_len = 4096, .q_total = 4};

/// One schedule in eight is refused, as if the compiler had spilled.
std::vector<std::optional<std::string>> screen(const std::vector<Schedule>& schedules) {
  std::vector<std::optional<std::string>> verdicts(schedules.size());
  for (std::size_t i = 0; i < schedules.size(); ++i)
    if (schedules[i].kv_tile == 48)
      verdicts[i] = "spills <many> bytes";
  return verdicts;
}

Survey measuredSurvey(const Problem& problem) {
  const Machine machine = machineFor("sm_90a");
  SimulatedDevice device(gqa, problem, machine, SimulatedDevice::Surface::Model, 1);
  const Tuning tuning = tune(gqa, problem, machine, &device, screen, {.effort = Effort::Measure});
  const Candidate chosen = tuning.chosen;
  return survey(gqa, problem, machine, chosen, recordOf(gqa, problem, machine, {}, tuning));
}

Survey estimatedSurvey() {
  const Machine machine = machineFor("sm_80");
  return survey(gqa, decode, machine, costModel()->choose(gqa, decode, machine.device, 0), std::nullopt);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++n;
  return n;
}

TEST(Report, MeasuredAndEstimated) {
  const Problem longer{.batch = 4, .q_len = 1, .kv_len = 16384, .q_total = 4};
  const std::vector<ReportItem> items = {{"decode 4096 <&>", "decode", measuredSurvey(decode)},
                                         {"decode 16384", "decode", measuredSurvey(longer)},
                                         {"elsewhere", "elsewhere", estimatedSurvey()}};
  const std::string page = reportPage("\"a\" <model>", items, {"a note"});
  std::ofstream(testing::TempDir() + "attune_report.html") << page; // to be looked at
  EXPECT_EQ(page.find("{{"), std::string::npos);
  EXPECT_NE(page.find("&quot;a&quot; &lt;model&gt;"), std::string::npos);
  EXPECT_NE(page.find("decode 4096 &lt;&amp;&gt;"), std::string::npos);
  EXPECT_NE(page.find("spills &lt;many&gt; bytes"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("://"), std::string::npos) << "it needs no network";
  EXPECT_NE(page.find("2 of 3 are measured"), std::string::npos);
  EXPECT_EQ(count(page, "class=\"heat\""), 2u * 2 + 1); // measured and predicted, or predicted alone
  EXPECT_EQ(count(page, "Model against measurement"), 2u);
  EXPECT_EQ(count(page, "<rect class=\"mark chosen\""), 2u * 2 + 1);
  EXPECT_EQ(count(page, "<svg"), count(page, "</svg>"));
  EXPECT_NE(page.find(inWords(items[0].survey.chosen)), std::string::npos);
  // the curve over lengths is for those that differ in nothing else
  EXPECT_EQ(count(page, "us over keys per sequence"), 1u);
}

TEST(Report, SaysWhenNothingWasMeasured) {
  const std::string page = reportPage("m", {{"one", "one", estimatedSurvey()}}, {});
  EXPECT_NE(page.find("Nothing on this page was measured"), std::string::npos);
  EXPECT_EQ(page.find("Model against measurement"), std::string::npos);
}

TEST(Survey, SecondIsAnotherSchedule) {
  const Survey s = measuredSurvey(decode);
  const auto second = runnerUp(s);
  ASSERT_TRUE(second);
  EXPECT_NE(attune::toText(second->candidate.schedule), attune::toText(s.chosen.schedule));
  EXPECT_NEAR(second->behind, second->us / s.us() - 1, 1e-12);
  for (const Trial& t : s.record->trials)
    if (t.timing.samples > 0 && t.rejected.empty() &&
        attune::toText(t.candidate.schedule) != attune::toText(s.chosen.schedule)) {
      EXPECT_GE(t.timing.us, second->us);
    }
}

TEST(Survey, EveryTileSizeHasAScheduleOrARule) {
  for (const TileCell& cell : estimatedSurvey().cells)
    EXPECT_NE(cell.best.has_value(), cell.rule != nullptr) << cell.q_tile << " x " << cell.kv_tile;
}

TEST(Plot, PutsPointsWithinTheFrame) {
  const nlohmann::json j = plot({{"a", "measured", true, {{.x = 1, .y = 3000}, {.x = 8192, .y = 0.5}}}}, {});
  for (const auto& point : j["series"][0]["points"]) {
    const double x = std::stod(point["x"].get<std::string>()), y = std::stod(point["y"].get<std::string>());
    EXPECT_GE(x, j["left"].get<double>());
    EXPECT_LE(x, j["right"].get<double>());
    EXPECT_GE(y, j["top"].get<double>());
    EXPECT_LE(y, j["bottom"].get<double>());
  }
  EXPECT_GE(j["y_ticks"].size(), 4u);
  // values that are close together have ticks too
  const nlohmann::json near = plot({{"a", "measured", true, {{.x = 1, .y = 11}, {.x = 2, .y = 16}}}}, {});
  EXPECT_GE(near["y_ticks"].size(), 3u);
}

TEST(Template, RefusesWhatIsNotThere) {
  EXPECT_THROW(render("no such page", {}), InternalError);
  EXPECT_THROW(render("plot.svg", nlohmann::json::object()), InternalError);
}

} // namespace
} // namespace attune::autotune
