#include "autotune/cli/ExplainChoice.h"

#include "autotune/cli/Output.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

using namespace autotune;

namespace {

constexpr std::size_t shown = 5; ///< candidates, and chunk counts around the best

/// "12.3 us, 7.1 % behind". What is ahead was not taken: the reason says why, and here is what would find out.
std::string distance(const Survey& s, const RunnerUp& other) {
  return fmt::format("{}, {:.1f} % {}{}", timeText(other.us), 100 * std::abs(other.behind),
                     other.behind < 0 ? "ahead" : "behind",
                     other.behind < 0 && !s.record ? "; not compiled, not measured: `attune tune` does both" : "");
}

void printCandidates(const Survey& s) {
  heading(s.measured() ? "candidates, by measured time" : "candidates, by predicted time");
  const std::string chosen = schedules::toText(s.chosen);
  bool there = false;
  Table table({"  schedule", "predicted us", "measured us", ""});
  const auto add = [&](const Candidate& c, double predicted, const std::string& measured, const std::string& note) {
    const std::string text = schedules::toText(c);
    there = there || text == chosen;
    table.add({"  " + text, fmt::format("{:.2f}", predicted), measured, text == chosen ? "chosen" : note});
  };
  if (s.measured()) {
    for (std::size_t n = 0; n < std::min(2 * shown, s.record->trials.size()); ++n) {
      const Trial& t = s.record->trials[n];
      add(t.candidate, t.predicted_us, t.timing.samples > 0 ? fmt::format("{:.2f}", t.timing.us) : "-", t.rejected);
    }
  } else {
    for (std::size_t n = 0; n < std::min(shown, s.ranked.size()); ++n)
      add(s.ranked[n].candidate, s.ranked[n].us, "-", "");
  }
  if (!there) // further down
    add(s.chosen, s.cost.us, s.measured() ? fmt::format("{:.2f}", s.us()) : "-", "");
  table.print();
}

void printSplits(const Survey& s) {
  if (s.splits.size() < 2)
    return;
  heading(fmt::format("predicted time by number of chunks, of those that fill the device up to {} times",
                      model::enough_waves));
  const auto best = std::ranges::min_element(s.splits, {}, &std::pair<int, double>::second);
  for (auto at = s.splits.begin(); at != s.splits.end(); ++at)
    if (at == s.splits.begin() || at == s.splits.end() - 1 || std::abs(at - best) <= static_cast<long>(shown) ||
        at->first == s.chosen.splits)
      fmt::print("  {:>5}  {:>8.2f} us{}{}\n", at->first, at->second, at == best ? "  least" : "",
                 at->first == s.chosen.splits ? "  chosen" : "");
}

} // namespace

nlohmann::json toJson(const Survey& s) {
  nlohmann::json j = {{"chosen", schedules::toText(s.chosen)},
                      {"words", inWords(s.chosen)},
                      {"by", s.record ? std::string(schedules::toText(s.record->effort)) : "default"},
                      {"reason", reason(s)},
                      {"predicted_us", s.cost.us},
                      {"bound", s.cost.bound},
                      {"blocks", s.cost.blocks},
                      {"slots", s.cost.slots},
                      {"waves", s.cost.waves},
                      {"blocks_per_multiprocessor", s.cost.blocks_per_multiprocessor},
                      {"runner_up", nullptr},
                      {"terms", nlohmann::json::array()},
                      {"ranked", nlohmann::json::array()},
                      {"feasible", s.feasible},
                      {"rejected", nlohmann::json::object()},
                      {"predicted_by_splits", nlohmann::json::array()}};
  if (s.record)
    j["record"] = nlohmann::json::parse(toPayload(*s.record));
  if (const auto second = runnerUp(s))
    j["runner_up"] = {{"choice", schedules::toText(second->candidate)},
                      {s.measured() ? "us" : "predicted_us", second->us},
                      {"behind", second->behind},
                      {"rank", second->rank}};
  for (const Term& term : s.cost.terms)
    j["terms"].push_back({{"name", term.name}, {"us", term.us}, {"what", term.what}});
  for (std::size_t n = 0; n < std::min(shown, s.ranked.size()); ++n)
    j["ranked"].push_back({{"choice", schedules::toText(s.ranked[n].candidate)}, {"predicted_us", s.ranked[n].us}});
  for (const auto& [name, count] : s.broken)
    j["rejected"][name] = {{"schedules", count}, {"reason", ruleNamed(name).reason}};
  for (const auto& [splits, us] : s.splits)
    j["predicted_by_splits"].push_back({{"splits", splits}, {"us", us}});
  return j;
}

void printVerdict(const Survey& s) {
  heading("chosen");
  fmt::print("  {}\n  {}\n", style(stdout, inWords(s.chosen), Style::Bold), schedules::toText(s.chosen));
  const auto line = [](const char* name, const std::string& text) { fmt::print("  {:<14}  {}\n", name, text); };
  line("time", fmt::format("{} {}; {} is what it waits for most", timeText(s.us()),
                           s.measured() ? "measured" : "predicted, not measured", s.cost.bound));
  line("why", reason(s));
  if (const auto other = runnerUp(s))
    line(other->rank, fmt::format("{}: {}", inWords(other->candidate), distance(s, *other)));
}

void printReasons(const Survey& s) {
  heading("what the time is made of: the model's terms, which overlap");
  for (const Term& term : s.cost.terms)
    fmt::print("  {:>8.2f} us  {:<20} {}\n", term.us, term.name, term.what);
  printCandidates(s);
  printSplits(s);
  heading(fmt::format("rejected before compilation ({} schedules are left)", s.feasible));
  for (const auto& [name, count] : s.broken)
    fmt::print("  {:>5}  {:<18} {}\n", count, name, ruleNamed(name).reason);
}

} // namespace attune::cli
