#include "autotune/search/Arms.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace attune::autotune {

Arms::Arms(const AttentionSpec& spec, const Problem& problem, const Machine& machine,
           const std::vector<Schedule>& schedules, Screen screen)
    : spec_(spec), problem_(problem), machine_(machine), screen_(std::move(screen)) {
  for (const Schedule& schedule : schedules) {
    const int best = bestSplits(spec, problem, schedule, machine).splits;
    for (const int splits : splitCounts(spec, problem, schedule))
      if (8 * splits >= best && splits <= 8 * best)
        add({schedule, splits});
  }
  // What the model puts far behind is not looked at again: it errs by factors below this one.
  constexpr double hopeless = 8;
  double least = 1e300;
  for (const Arm& arm : arms_)
    least = std::min(least, arm.predicted_us);
  std::erase_if(arms_, [&](const Arm& arm) { return arm.predicted_us > hopeless * least; });
  by_text_.clear();
  for (std::size_t i = 0; i < arms_.size(); ++i)
    by_text_[arms_[i].text] = i;
}

void Arms::add(const Candidate& candidate) {
  by_text_[toText(candidate)] = arms_.size();
  arms_.push_back({.candidate = candidate,
                   .text = toText(candidate),
                   .predicted_us = predict(spec_, problem_, candidate, machine_).us,
                   .at = coordinates(candidate)});
}

std::size_t Arms::indexOf(const Candidate& candidate) {
  const auto [at, is_new] = by_text_.try_emplace(toText(candidate), arms_.size());
  const std::size_t index = at->second;
  if (is_new)
    add(candidate);
  return index;
}

std::vector<std::size_t> Arms::byPrediction() const {
  std::vector<std::size_t> all(arms_.size());
  std::iota(all.begin(), all.end(), 0);
  std::ranges::sort(all, {}, [&](std::size_t i) { return std::pair(arms_[i].predicted_us, arms_[i].text); });
  std::set<std::string> seen;
  std::erase_if(all, [&](std::size_t i) { return !seen.insert(attune::toText(arms_[i].candidate.schedule)).second; });
  return all;
}

std::size_t Arms::measured() const {
  return static_cast<std::size_t>(std::ranges::count_if(arms_, [](const Arm& a) { return !a.samples.empty(); }));
}

void Arms::record(std::size_t arm, const std::vector<double>& samples_us) {
  Arm& a = arms_[arm];
  a.samples.insert(a.samples.end(), samples_us.begin(), samples_us.end());
  if (!a.samples.empty())
    a.timing = summarize(a.samples);
}

void Arms::recall(const Trial& trial) {
  const auto found = by_text_.find(toText(trial.candidate));
  if (found == by_text_.end())
    return;
  Arm& arm = arms_[found->second];
  arm.rejected = trial.rejected;
  if (trial.timing.samples > 0) {
    arm.samples.assign(static_cast<std::size_t>(trial.timing.samples), trial.timing.us);
    arm.timing = trial.timing;
  }
}

bool Arms::isOpen(const Arm& a) const {
  const auto found = screened_.find(attune::toText(a.candidate.schedule));
  return a.rejected.empty() && (found == screened_.end() || found->second.empty());
}

std::vector<std::size_t> Arms::promising(std::size_t count, double exploration, double certain, double worth) const {
  Surrogate surrogate;
  double best = 1e300;
  for (const Arm& a : arms_)
    if (!a.samples.empty() && a.rejected.empty()) {
      surrogate.add(a.at, std::log(a.predicted_us), std::log(a.timing.us), a.timing.error());
      best = std::min(best, std::log(a.timing.us));
    }
  surrogate.fit();
  std::vector<Surrogate::Open> open;
  std::vector<std::size_t> index;
  for (std::size_t i = 0; i < arms_.size(); ++i)
    if (arms_[i].samples.empty() && isOpen(arms_[i])) {
      open.push_back(surrogate.believe(arms_[i].at, std::log(arms_[i].predicted_us)));
      index.push_back(i);
    }
  std::vector<std::size_t> chosen;
  while (chosen.size() < count) {
    std::size_t pick = open.size();
    double least = 1e300;
    for (std::size_t n = 0; n < open.size(); ++n) {
      const Surrogate::Belief& belief = open[n].belief;
      const double hope = belief.mean - exploration * belief.deviation;
      const bool may_win = surrogate.size() == 0 || belief.mean - certain * belief.deviation < best - worth;
      if (hope < least && may_win && std::ranges::find(chosen, index[n]) == chosen.end())
        least = hope, pick = n;
    }
    if (pick == open.size())
      break;
    chosen.push_back(index[pick]);
    surrogate.suppose(Surrogate::Open(open[pick]), open);
  }
  return chosen;
}

std::vector<std::size_t> Arms::neighbours(std::size_t of, std::size_t count) const {
  constexpr double near = 1.1; // octaves in all: one step of one field
  std::vector<std::pair<double, std::size_t>> found;
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    if (!arms_[i].samples.empty() || !isOpen(arms_[i]))
      continue;
    double distance = 0;
    for (std::size_t n = 0; n < arms_[i].at.size(); ++n)
      distance += std::abs(arms_[i].at[n] - arms_[of].at[n]);
    if (distance <= near)
      found.emplace_back(arms_[i].predicted_us, i);
  }
  std::ranges::sort(found);
  std::vector<std::size_t> nearest;
  for (std::size_t n = 0; n < std::min(count, found.size()); ++n)
    nearest.push_back(found[n].second);
  return nearest;
}

std::vector<std::size_t> Arms::aroundBestSplits() const {
  std::map<std::string, std::vector<std::size_t>> by_schedule;
  for (std::size_t i = 0; i < arms_.size(); ++i)
    by_schedule[attune::toText(arms_[i].candidate.schedule)].push_back(i);
  std::vector<std::size_t> all;
  for (auto& [schedule, arms] : by_schedule) {
    std::ranges::sort(arms, {}, [&](std::size_t i) { return std::pair(arms_[i].predicted_us, arms_[i].text); });
    arms.resize(std::min<std::size_t>(arms.size(), 3));
    all.insert(all.end(), arms.begin(), arms.end());
  }
  return all;
}

std::vector<std::size_t> Arms::usable(const std::vector<std::size_t>& arms) {
  std::vector<Schedule> unknown;
  std::vector<std::string> names;
  for (const std::size_t i : arms) {
    const std::string name = attune::toText(arms_[i].candidate.schedule);
    if (!screened_.contains(name) && std::ranges::find(names, name) == names.end()) {
      unknown.push_back(arms_[i].candidate.schedule);
      names.push_back(name);
    }
  }
  const std::vector<std::optional<std::string>> verdicts = screen_(unknown);
  for (std::size_t i = 0; i < names.size(); ++i)
    screened_[names[i]] = verdicts[i].value_or("");
  std::vector<std::size_t> good;
  for (const std::size_t i : arms) {
    Arm& arm = arms_[i];
    arm.rejected = screened_.at(attune::toText(arm.candidate.schedule));
    if (arm.rejected.empty())
      good.push_back(i);
  }
  return good;
}

bool Arms::faster(std::size_t a, std::size_t b) const {
  const Arm &x = arms_[a], &y = arms_[b];
  return x.timing.us != y.timing.us ? x.timing.us < y.timing.us : x.text < y.text;
}

std::vector<std::size_t> Arms::fastest(std::size_t count) const {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < arms_.size(); ++i)
    if (!arms_[i].samples.empty() && arms_[i].rejected.empty())
      all.push_back(i);
  std::ranges::sort(all, [&](std::size_t a, std::size_t b) { return faster(a, b); });
  all.resize(std::min(all.size(), count));
  return all;
}

std::vector<Trial> Arms::trials(bool only_measured) const {
  std::vector<const Arm*> all;
  for (const Arm& arm : arms_)
    if (!only_measured || !arm.samples.empty() || !arm.rejected.empty())
      all.push_back(&arm);
  std::ranges::sort(all, {}, [&](const Arm* a) {
    return std::tuple(!a->rejected.empty(), only_measured && !a->samples.empty() ? a->timing.us : a->predicted_us,
                      a->text);
  });
  constexpr std::size_t enough = 64; // of predictions, nobody reads more
  if (!only_measured)
    all.resize(std::min(all.size(), enough));
  std::vector<Trial> trials;
  trials.reserve(all.size());
  for (const Arm* a : all)
    trials.push_back({a->candidate, a->predicted_us, a->timing, a->rejected});
  return trials;
}

} // namespace attune::autotune
