#include "autotune/report/Charts.h"

#include "autotune/report/Bars.h"
#include "autotune/report/Plot.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::autotune {

namespace {

using nlohmann::json;

constexpr std::size_t shown = 8; ///< candidates

bool wasMeasured(const Trial& t) { return t.timing.samples > 0 && t.rejected.empty(); }

json percent(double ratio) {
  return std::abs(ratio - 1) < 0.0005 ? "equal" : fmt::format("{:+.1f} %", 100 * (ratio - 1));
}

} // namespace

json splitCurve(const Survey& s) {
  if (s.splits.size() < 2)
    return nullptr;
  Series predicted{"predicted", "predicted", true, {}}, chosen{"chosen", "chosen", false, {}},
      measured{"measured", "measured", false, {}};
  for (const auto& [splits, us] : s.splits) {
    const std::string title = fmt::format("{} chunk{}: {} predicted", splits, splits > 1 ? "s" : "", timeText(us));
    predicted.points.push_back({.x = double(splits), .y = us, .title = title});
    if (splits == s.chosen.splits)
      chosen.points.push_back({.x = double(splits),
                               .y = s.us(),
                               .title = fmt::format("{} chunks: {}, chosen", splits, timeText(s.us())),
                               .label = "chosen",
                               .stands_out = true});
  }
  if (s.measured())
    for (const Trial& t : s.record->trials)
      if (wasMeasured(t) && t.candidate.schedule.split_kv &&
          attune::toText(t.candidate.schedule) == attune::toText(s.chosen.schedule))
        measured.points.push_back(
            {.x = double(t.candidate.splits),
             .y = t.timing.us,
             .title = fmt::format("{} chunks: {} measured", t.candidate.splits, timeText(t.timing.us))});
  return plot({predicted, measured, chosen}, {.x = "chunks of the keys", .y = "us"});
}

json modelAgainstMeasurement(const Survey& s) {
  if (!s.measured())
    return nullptr;
  Series all{"candidates", "measured", false, {}};
  std::vector<double> ratios;
  for (const Trial& t : s.record->trials)
    if (wasMeasured(t)) {
      const bool is_chosen = toText(t.candidate) == toText(s.chosen);
      all.points.push_back({.x = t.predicted_us,
                            .y = t.timing.us,
                            .title = fmt::format("{}: predicted {}, measured {} ({} samples, spread {:.1f} %)",
                                                 toText(t.candidate), timeText(t.predicted_us), timeText(t.timing.us),
                                                 t.timing.samples, 100 * t.timing.spread),
                            .label = is_chosen ? "chosen" : "",
                            .stands_out = is_chosen});
      ratios.push_back(t.timing.us / t.predicted_us);
    }
  if (ratios.empty())
    return nullptr;
  std::ranges::nth_element(ratios, ratios.begin() + static_cast<long>(ratios.size() / 2));
  json j = plot({all}, {.x = "predicted us", .y = "measured us", .same_scale = true});
  j["count"] = ratios.size();
  j["median"] = fmt::format("{:.2f}", ratios[ratios.size() / 2]);
  return j;
}

json lengthCurve(const std::vector<const Survey*>& surveys) {
  Series chosen{"chosen", "chosen", true, {}}, usual{"default", "default", true, {}};
  for (const Survey* s : surveys) {
    const double length = static_cast<double>(s->problem.kv_len);
    chosen.points.push_back(
        {.x = length,
         .y = s->us(),
         .title = fmt::format("{} keys: {}, {}", s->problem.kv_len, timeText(s->us()), inWords(s->chosen)),
         .label = s->chosen.schedule.split_kv ? fmt::to_string(s->chosen.splits) : "",
         .stands_out = true});
    if (s->record)
      usual.points.push_back(
          {.x = length,
           .y = s->record->default_us,
           .title = fmt::format("{} keys: {}, default: {}", s->problem.kv_len, timeText(s->record->default_us),
                                inWords(s->record->default_choice))});
  }
  return plot({usual, chosen}, {.x = "keys per sequence", .y = "us"});
}

json terms(const Survey& s) {
  std::vector<Bar> all;
  for (const Term& term : s.cost.terms) {
    const bool is_bound = term.name == std::string_view(s.cost.bound);
    all.push_back({.name = term.name,
                   .text = timeText(term.us),
                   .parts = {{term.us, is_bound ? "accent" : "part"}},
                   .title = term.what,
                   .css = is_bound ? "bound" : ""});
  }
  return {{"bars", bars(all)}};
}

json candidates(const Survey& s) {
  json all = json::array();
  const auto add = [&](const Candidate& c, double predicted, const Timing& timing) {
    const bool is_chosen = toText(c) == toText(s.chosen);
    const double us = s.measured() ? timing.us : predicted;
    all.push_back({{"text", toText(c)},
                   {"words", inWords(c)},
                   {"predicted", timeText(predicted)},
                   {"measured", timing.samples ? json(timeText(timing.us)) : json()},
                   {"against", is_chosen ? json("chosen") : percent(us / s.us())},
                   {"css", is_chosen ? "is-chosen" : ""}});
    return is_chosen;
  };
  bool has_chosen = false;
  if (s.measured()) {
    for (const Trial& t : s.record->trials)
      if (wasMeasured(t) && (all.size() < shown || toText(t.candidate) == toText(s.chosen)))
        add(t.candidate, t.predicted_us, t.timing);
    return all;
  }
  for (const Predicted& p : s.ranked)
    if (all.size() < shown)
      has_chosen = add(p.candidate, p.us, {}) || has_chosen;
  if (!has_chosen)
    add(s.chosen, s.cost.us, {});
  return all;
}

json rejections(const Survey& s) {
  std::vector<std::pair<int, std::string>> order;
  order.reserve(s.broken.size());
  for (const auto& [name, count] : s.broken)
    order.emplace_back(-count, name);
  std::ranges::sort(order);
  std::vector<Bar> by_rule;
  by_rule.reserve(order.size());
  for (const auto& [count, name] : order)
    by_rule.push_back({.name = name,
                       .text = fmt::to_string(-count),
                       .parts = {{static_cast<double>(-count)}},
                       .note = ruleNamed(name).reason});
  json afterwards = json::array();
  if (s.record)
    for (const Trial& t : s.record->trials)
      if (!t.rejected.empty() && afterwards.size() < shown)
        afterwards.push_back({{"text", toText(t.candidate)}, {"why", t.rejected}});
  return {{"bars", bars(by_rule)},
          {"afterwards", afterwards.empty() ? json() : json{{"rejected", afterwards}}},
          {"feasible", s.feasible}};
}

} // namespace attune::autotune
