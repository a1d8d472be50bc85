#include "autotune/report/Survey.h"

#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/Error.h"

#include <algorithm>

#include <fmt/format.h>

namespace attune::autotune {

namespace {

/// The schedule of a choice as it would be split, if it is not.
Schedule splitting(const AttentionSpec& spec, const Problem& problem, const Machine& machine, const Schedule& chosen) {
  return chosen.split_kv ? chosen : defaultSchedule(spec, target(machine.device.arch), problem.q_len, true);
}

const Axis& axis(std::string_view name) {
  return *std::ranges::find_if(axes(), [&](const Axis& a) { return a.name == name; });
}

/// `furthest`: by tile sizes, the last rule of the list that a schedule with them got to.
std::vector<TileCell> cellsOf(const std::vector<Predicted>& ranked,
                              const std::map<std::pair<int, int>, const Rule*>& furthest) {
  std::vector<TileCell> cells;
  for (const int q_tile : axis("q_tile").values)
    for (const int kv_tile : axis("kv_tile").values) {
      TileCell cell{q_tile, kv_tile, std::nullopt, nullptr};
      const auto best = std::ranges::find_if(ranked, [&](const Predicted& p) {
        return p.candidate.schedule.q_tile == q_tile && p.candidate.schedule.kv_tile == kv_tile;
      });
      if (best != ranked.end())
        cell.best = *best;
      else
        cell.rule = furthest.at({q_tile, kv_tile});
      cells.push_back(cell);
    }
  return cells;
}

} // namespace

Survey survey(const AttentionSpec& spec, const Problem& problem, const Machine& machine, const Candidate& chosen,
              std::optional<Record> record) {
  Survey s{.spec = spec, .problem = problem, .machine = machine, .chosen = chosen, .record = std::move(record)};
  s.cost = predict(spec, problem, chosen, machine);
  const Space space = enumerate({spec, target(machine.device.arch), problem});
  s.feasible = space.feasible.size();
  std::map<std::pair<int, int>, const Rule*> furthest; // rules() is one array, in the order in which they are asked
  for (const Rejection& r : space.rejected) {
    ++s.broken[r.rule->name];
    const Rule*& rule = furthest[{r.schedule.q_tile, r.schedule.kv_tile}];
    rule = std::max(rule, r.rule);
  }
  s.ranked = rank(spec, problem, space.feasible, machine);
  s.cells = cellsOf(s.ranked, furthest);

  const Schedule split = splitting(spec, problem, machine, chosen.schedule);
  if (!chosen.schedule.split_kv)
    s.splits.emplace_back(1, s.cost.us);
  for (const auto& [n, cost] : costsBySplits(spec, problem, split, machine))
    if (n > 1 || chosen.schedule.split_kv)
      s.splits.emplace_back(n, cost.us);
  if (std::ranges::find(s.splits, chosen.splits, &std::pair<int, double>::first) == s.splits.end())
    s.splits.emplace_back(chosen.splits, s.cost.us); // more than the model would ask about
  return s;
}

std::optional<RunnerUp> runnerUp(const Survey& s) {
  const auto against = [&](const Candidate& c, double us) {
    const double behind = us / s.us() - 1;
    return RunnerUp{c, us, behind, behind >= 0 ? "second" : s.measured() ? "best measured" : "best predicted"};
  };
  const std::string chosen = attune::toText(s.chosen.schedule);
  const auto other = [&](const Candidate& c) { return attune::toText(c.schedule) != chosen; };
  if (s.measured()) {
    for (const Trial& t : s.record->trials)
      if (t.timing.samples > 0 && t.rejected.empty() && other(t.candidate))
        return against(t.candidate, t.timing.us);
    return std::nullopt;
  }
  for (const Predicted& p : s.ranked) {
    const auto screened = [&](const Trial& t) { // compiled, and not good enough
      return !t.rejected.empty() && attune::toText(t.candidate.schedule) == attune::toText(p.candidate.schedule);
    };
    if (other(p.candidate) && !(s.record && std::ranges::any_of(s.record->trials, screened)))
      return against(p.candidate, p.us);
  }
  return std::nullopt;
}

std::string reason(const Survey& s) {
  if (s.record)
    return s.record->reason;
  return "nothing is stored for this shape and device: the engine's default schedule, which is known to compile "
         "without spills, and chunks by the model";
}

const Rule& ruleNamed(const std::string& name) {
  const auto found = std::ranges::find_if(rules(), [&](const Rule& r) { return r.name == name; });
  if (found == rules().end())
    throw InternalError("no rule is called " + name);
  return *found;
}

std::string timeText(double us) {
  if (us < 10)
    return fmt::format("{:.2f} us", us);
  return us < 1e4 ? fmt::format("{:.{}f} us", us, us < 1e3 ? 1 : 0) : fmt::format("{:.2f} ms", us / 1e3);
}

std::string inWords(const Candidate& c) {
  return attune::inWords(c.schedule) +
         (c.schedule.split_kv ? fmt::format(", {} chunk{}", c.splits, c.splits > 1 ? "s" : "") : "");
}

} // namespace attune::autotune
