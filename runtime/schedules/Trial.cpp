#include "runtime/schedules/Trial.h"

#include "attune/compiler/Error.h"
#include "compiler/spec/Nearest.h"
#include "compiler/spec/Refuse.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace attune::schedules {

namespace {

constexpr std::pair<std::string_view, Effort> efforts[] = {
    {"estimate", Effort::Estimate}, {"measure", Effort::Measure}, {"exhaustive", Effort::Exhaustive}};

} // namespace

std::string_view toText(Effort effort) {
  return std::ranges::find(efforts, effort, &std::pair<std::string_view, Effort>::second)->first;
}

Effort effortFromText(std::string_view text) {
  std::vector<std::string> known;
  for (const auto& [name, effort] : efforts) {
    if (name == text)
      return effort;
    known.emplace_back(name);
  }
  invalid(fmt::format("effort '{}'", text), "there is no such step", didYouMean(text, known));
}

std::string toText(const Policy& p) {
  return fmt::format("events, {} warm-ups, {} samples, {} L2, margin {}", p.warm_ups, p.samples,
                     p.cold_l2 ? "cold" : "warm", p.margin);
}

double Timing::error() const { return samples > 0 ? 1.2533 * spread / std::sqrt(samples) : 1; } // of a median

} // namespace attune::schedules
