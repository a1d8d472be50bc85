#include "autotune/report/Page.h"

#include "autotune/report/Charts.h"
#include "autotune/report/Template.h"
#include "runtime/model/Resources.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::autotune {

namespace {

using nlohmann::json;

/// "7.1 % faster than", "as fast as", "7.1 % slower than".
std::string against(double us, double other) {
  const double gain = 100 * (other / us - 1);
  if (std::abs(gain) < 0.05)
    return "as fast as";
  return gain > 0 ? fmt::format("{:.1f} % faster than", gain) : fmt::format("{:.1f} % slower than", -gain);
}

json secondOf(const Survey& s) {
  const auto second = runnerUp(s);
  if (!second)
    return nullptr;
  return {{"rank", second->rank},
          {"words", inWords(second->candidate)},
          {"text", toText(second->candidate)},
          {"us", timeText(second->us)},
          {"by", fmt::format("{:.1f} % {}", 100 * std::abs(second->behind), second->behind < 0 ? "ahead" : "behind")}};
}

json itemOf(const ReportItem& item, std::size_t number) {
  const Survey& s = item.survey;
  const Target& limits = target(s.machine.device.arch);
  const Resources r = resourcesOf(s.spec, s.chosen.schedule, limits);
  json j = {{"id", fmt::format("item{}", number)},
            {"label", item.label},
            {"device", s.machine.device.name + ", " + deviceClass(s.machine.device)},
            {"spec", specToJson(s.spec)},
            {"measured", s.measured()},
            {"kind", s.measured() ? "measured" : "estimate"},
            {"words", inWords(s.chosen)},
            {"text", toText(s.chosen)},
            {"us", timeText(s.us())},
            {"predicted", timeText(s.cost.us)},
            {"bound", s.cost.bound},
            {"reason", reason(s)},
            {"second", secondOf(s)},
            {"policy", s.record ? s.record->policy : std::string("none")},
            {"terms", terms(s)},
            {"candidates", candidates(s)},
            {"rejections", rejections(s)},
            {"predicted_map", heatMap(s, false)},
            {"measured_map", s.measured() ? heatMap(s, true) : json()},
            {"split_curve", splitCurve(s)},
            {"split_caption",
             s.chosen.schedule.split_kv ? "Time by chunks of the keys" : "Time if the keys were cut into chunks"},
            {"model_curve", modelAgainstMeasurement(s)},
            {"shared", fmt::format("{:.0f} of {} KiB", std::ceil(static_cast<double>(r.shared_bytes) / 1024),
                                   limits.shared_per_block / 1024)},
            {"threads", r.threads},
            {"resident", s.cost.blocks_per_multiprocessor},
            {"waves", fmt::format("{:.2f}", s.cost.waves)}};
  if (s.record) {
    j["default"] = {{"default_us", timeText(s.record->default_us)},
                    {"default_words", inWords(s.record->default_choice)},
                    {"default_text", toText(s.record->default_choice)},
                    {"is_default", toText(s.record->default_choice) == toText(s.chosen)},
                    {"against", against(s.us(), s.record->default_us)}};
  } else {
    j["default"] = nullptr;
  }
  return j;
}

json curvesOf(const std::vector<ReportItem>& items) {
  json curves = json::array();
  std::vector<std::string> names;
  for (const ReportItem& item : items)
    if (std::ranges::find(names, item.series) == names.end())
      names.push_back(item.series);
  for (const std::string& name : names) {
    std::vector<const Survey*> surveys;
    for (const ReportItem& item : items)
      if (item.series == name)
        surveys.push_back(&item.survey);
    std::ranges::sort(surveys, {}, [](const Survey* s) { return s->problem.kv_len; });
    if (surveys.size() > 1)
      curves.push_back({{"title", name}, {"plot", lengthCurve(surveys)}});
  }
  return curves;
}

} // namespace

std::string reportPage(const std::string& title, const std::vector<ReportItem>& items,
                       const std::vector<std::string>& notes) {
  json page = {{"title", title}, {"items", json::array()}, {"curves", curvesOf(items)}, {"notes", notes}};
  std::set<std::string> devices;
  std::size_t measured = 0;
  for (const ReportItem& item : items) {
    page["items"].push_back(itemOf(item, page["items"].size() + 1));
    devices.insert(item.survey.machine.device.name + ", " + deviceClass(item.survey.machine.device));
    measured += item.survey.measured();
  }
  page["devices"] = devices;
  page["has_curves"] = !page["curves"].empty();
  page["count"] = items.size();
  page["measured_count"] = measured;
  page["all_estimates"] = measured == 0;
  page["some_estimates"] = measured > 0 && measured < items.size();
  page["all_measured"] = measured > 0 && measured == items.size();
  return render("page.html", page);
}

} // namespace attune::autotune
