#include "autotune/report/Bars.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::autotune {

using nlohmann::json;

json bars(const std::vector<Bar>& all, double whole) {
  if (whole <= 0)
    for (const Bar& bar : all)
      whole = std::max(whole, std::accumulate(bar.parts.begin(), bar.parts.end(), 0.0,
                                              [](double sum, const Bar::Part& part) { return sum + part.value; }));
  json lines = json::array();
  for (const Bar& bar : all) {
    json parts = json::array();
    for (const Bar::Part& part : bar.parts)
      parts.push_back({{"css", part.css}, {"share", fmt::format("{:.1f}", 100 * part.value / whole)}});
    lines.push_back({{"name", bar.name},
                     {"text", bar.text},
                     {"parts", std::move(parts)},
                     {"note", bar.note.empty() ? json() : json(bar.note)},
                     {"title", bar.title},
                     {"css", bar.css}});
  }
  return lines;
}

std::string digits(double value) {
  if (value != 0 && std::abs(value) < 999.5)
    return fmt::format("{:.3g}", value);
  std::string text = fmt::format("{:.0f}", value);
  for (std::ptrdiff_t at = std::ssize(text) - 3, first = text.starts_with('-'); at > first; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

} // namespace attune::autotune
