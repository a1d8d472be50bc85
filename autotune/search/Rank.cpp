#include "autotune/search/Rank.h"

#include <algorithm>
#include <string>

namespace attune::autotune {

std::vector<Predicted> rank(const AttentionSpec& spec, const Problem& problem, const std::vector<Schedule>& schedules,
                            const Machine& machine) {
  std::vector<std::pair<std::string, Predicted>> all;
  for (const Schedule& schedule : schedules) {
    const Candidate best = bestSplits(spec, problem, schedule, machine);
    all.push_back({toText(best), {best, predict(spec, problem, best, machine).us}});
  }
  std::ranges::sort(all, [](const auto& a, const auto& b) {
    return a.second.us != b.second.us ? a.second.us < b.second.us : a.first < b.first;
  });
  std::vector<Predicted> ranked;
  ranked.reserve(all.size());
  for (auto& [text, predicted] : all)
    ranked.push_back(predicted);
  return ranked;
}

} // namespace attune::autotune
