#include "runtime/schedules/Space.h"

#include "compiler/spec/Refuse.h"

#include <fmt/format.h>

namespace attune::schedules {

std::string toText(const Candidate& c) { return fmt::format("{} splits={}", attune::toText(c.schedule), c.splits); }

Candidate candidateFromText(std::string_view text) {
  constexpr std::string_view field = " splits=";
  const std::size_t at = text.rfind(field);
  int splits = 0;
  if (at != std::string_view::npos)
    for (const char c : text.substr(at + field.size()))
      splits = c >= '0' && c <= '9' && splits <= 9999 ? splits * 10 + (c - '0') : 100000;
  if (splits < 1 || splits > 1024)
    invalid(fmt::format("choice \"{}\"", text), "it ends in splits=N with N from 1 to 1024",
            "write \"" + toText(Candidate{}) + "\"");
  return {scheduleFromText(text.substr(0, at)), splits};
}

std::optional<Rejection> rejection(const Subject& subject, const Schedule& schedule, bool lengths_too) {
  for (const Rule& rule : rules())
    if (lengths_too || !rule.about_lengths)
      if (auto numbers = rule.broken(subject, schedule))
        return Rejection{schedule, &rule, *std::move(numbers)};
  return std::nullopt;
}

Space enumerate(const Subject& subject) {
  Space space;
  const std::vector<Axis>& all = axes();
  std::vector<std::size_t> at(all.size(), 0);
  for (bool more = true; more;) {
    Schedule schedule;
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i].set(schedule, all[i].values[at[i]]);
    if (auto rejected = rejection(subject, schedule))
      space.rejected.push_back(*std::move(rejected));
    else
      space.feasible.push_back(schedule);
    more = false;
    for (std::size_t i = all.size(); i-- > 0 && !more;) // count up, the last axis fastest
      if (++at[i] < all[i].values.size())
        more = true;
      else
        at[i] = 0;
  }
  return space;
}

} // namespace attune::schedules
