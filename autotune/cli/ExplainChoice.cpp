#include "autotune/cli/ExplainChoice.h"

#include "autotune/cli/Output.h"
#include "autotune/cli/Stores.h"
#include "autotune/store/TunedSchedules.h"

#include "attune/compiler/DefaultSchedule.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

using namespace autotune;

namespace {

constexpr std::size_t shown = 5; ///< candidates, and chunk counts around the best

const Rule& ruleOf(const std::string& name) {
  return *std::ranges::find_if(rules(), [&](const Rule& r) { return r.name == name; });
}

/// The schedule of the chosen candidate as it would be split, if it is not.
Schedule splitting(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                   const Schedule& chosen) {
  return chosen.split_kv ? chosen : defaultSchedule(spec, target(device.arch), problem.q_len, true);
}

} // namespace

ChoiceReport explainChoice(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                           int splits) {
  const TunedSchedules tuned(tuningOptions());
  const Machine machine = machineOf(device);
  ChoiceReport report{.chosen = tuned.choose(spec, problem, device, splits)};
  if (splits == 0 && !spec.batch_invariant)
    report.record = tuned.record(spec, problem, device);
  report.cost = predict(spec, problem, report.chosen, machine);
  const Space space = enumerate({spec, target(device.arch), problem});
  report.feasible = space.feasible.size();
  for (const Rejection& r : space.rejected)
    ++report.broken[r.rule->name];
  report.ranked = rank(spec, problem, space.feasible, machine);

  report.splits.emplace_back(report.chosen.schedule.split_kv ? 0 : 1, report.cost.us);
  const Schedule split = splitting(spec, problem, device, report.chosen.schedule);
  if (report.chosen.schedule.split_kv)
    report.splits.clear();
  for (const int n : splitCounts(spec, problem, split))
    if (n > 1 || report.chosen.schedule.split_kv)
      report.splits.emplace_back(n, predict(spec, problem, {split, n}, machine).us);
  return report;
}

nlohmann::json toJson(const ChoiceReport& r) {
  nlohmann::json j = {{"chosen", autotune::toText(r.chosen)},
                      {"by", r.record ? std::string(autotune::toText(r.record->effort)) : "default"},
                      {"predicted_us", r.cost.us},
                      {"bound", r.cost.bound},
                      {"terms", nlohmann::json::array()},
                      {"ranked", nlohmann::json::array()},
                      {"feasible", r.feasible},
                      {"rejected", nlohmann::json::object()},
                      {"predicted_by_splits", nlohmann::json::array()}};
  if (r.record) {
    j["reason"] = r.record->reason;
    j["record"] = nlohmann::json::parse(toPayload(*r.record));
  }
  for (const Term& term : r.cost.terms)
    j["terms"].push_back({{"name", term.name}, {"us", term.us}, {"what", term.what}});
  for (std::size_t n = 0; n < std::min(shown, r.ranked.size()); ++n)
    j["ranked"].push_back({{"choice", autotune::toText(r.ranked[n].candidate)}, {"predicted_us", r.ranked[n].us}});
  for (const auto& [name, count] : r.broken)
    j["rejected"][name] = {{"schedules", count}, {"reason", ruleOf(name).reason}};
  for (const auto& [splits, us] : r.splits)
    j["predicted_by_splits"].push_back({{"splits", splits}, {"us", us}});
  return j;
}

void print(const ChoiceReport& r) {
  heading("why this schedule");
  if (r.record) {
    fmt::print("  a stored record of {}: {}\n", autotune::toText(r.record->shape), r.record->reason);
    Table trials({"  of the record", "us", "predicted us", "samples", "against it"});
    for (std::size_t n = 0; n < std::min(2 * shown, r.record->trials.size()); ++n) {
      const Trial& t = r.record->trials[n];
      trials.add({"  " + autotune::toText(t.candidate), t.timing.samples ? fmt::format("{:.2f}", t.timing.us) : "-",
                  fmt::format("{:.2f}", t.predicted_us), fmt::to_string(t.timing.samples), t.rejected});
    }
    trials.print();
  } else {
    fmt::print(
        "  no stored record for this shape and device: the default schedule, and chunks by the engine's model\n");
  }
  heading("predicted time, and what it is made of (an estimate, not a measurement)");
  fmt::print("  {:.1f} us, {}-bound, {:.2f} waves of {} block(s) per multiprocessor; these overlap:\n", r.cost.us,
             r.cost.bound, r.cost.waves, r.cost.blocks_per_multiprocessor);
  for (const Term& term : r.cost.terms)
    fmt::print("  {:>8.2f} us  {:<20} {}\n", term.us, term.name, term.what);
  heading("what the tuner's model puts first");
  for (std::size_t n = 0; n < std::min(shown, r.ranked.size()); ++n)
    fmt::print("  {:>8.2f} us  {}\n", r.ranked[n].us, autotune::toText(r.ranked[n].candidate));
  heading(fmt::format("rejected before compilation ({} schedules are left)", r.feasible));
  for (const auto& [name, count] : r.broken)
    fmt::print("  {:>5}  {:<18} {}\n", count, name, ruleOf(name).reason);
  if (r.splits.size() > 1) {
    heading("predicted time by number of chunks");
    const auto best = std::ranges::min_element(r.splits, {}, &std::pair<int, double>::second);
    for (auto at = r.splits.begin(); at != r.splits.end(); ++at)
      if (at == r.splits.begin() || at == r.splits.end() - 1 || std::abs(at - best) <= static_cast<long>(shown) ||
          at->first == r.chosen.splits)
        fmt::print("  {:>5}  {:>8.2f} us{}{}\n", at->first, at->second, at == best ? "  least" : "",
                   at->first == r.chosen.splits ? "  chosen" : "");
  }
}

} // namespace attune::cli
