#include "autotune/report/Charts.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::autotune {

namespace {

using nlohmann::json;

constexpr double cell_width = 52, cell_height = 30, left = 52, top = 6;

/// Shades, by how far a time is above the best one; the last is for everything beyond.
constexpr double shades[] = {1.02, 1.05, 1.1, 1.2, 1.5, 2};

int shadeOf(double ratio) {
  return static_cast<int>(std::ranges::count_if(shades, [&](double limit) { return ratio > limit; }));
}

std::string shortTime(double us) {
  return us < 10 ? fmt::format("{:.2f}", us) : us < 100 ? fmt::format("{:.1f}", us) : fmt::format("{:.0f}", us);
}

/// The cells with the best measured time in each, and nothing where nothing was measured.
std::vector<TileCell> measuredCells(const Survey& s) {
  std::vector<TileCell> cells = s.cells;
  for (TileCell& cell : cells) {
    cell.best.reset();
    for (const Trial& t : s.record->trials)
      if (t.candidate.schedule.q_tile == cell.q_tile && t.candidate.schedule.kv_tile == cell.kv_tile &&
          t.timing.samples > 0 && t.rejected.empty() && (!cell.best || t.timing.us < cell.best->us))
        cell.best = Predicted{t.candidate, t.timing.us};
  }
  return cells;
}

/// One letter for each rule that empties a cell: its first one that is free.
std::map<const Rule*, char> lettersOf(const std::vector<TileCell>& cells) {
  std::map<const Rule*, char> letters;
  std::string free = "abcdefghijklmnopqrstuvwxyz";
  for (const TileCell& cell : cells)
    if (cell.rule && !letters.contains(cell.rule)) {
      std::size_t at = std::string::npos;
      for (const char* c = cell.rule->name; *c && at == std::string::npos; ++c)
        at = free.find(*c);
      at = at == std::string::npos ? 0 : at;
      letters[cell.rule] = free[at];
      free.erase(at, 1);
    }
  return letters;
}

} // namespace

json heatMap(const Survey& s, bool measured) {
  const std::vector<TileCell> cells = measured ? measuredCells(s) : s.cells;
  const std::map<const Rule*, char> letters = lettersOf(cells);
  std::vector<int> rows, columns;
  double least = 1e300;
  for (const TileCell& cell : cells) {
    if (std::ranges::find(rows, cell.q_tile) == rows.end())
      rows.push_back(cell.q_tile);
    if (std::ranges::find(columns, cell.kv_tile) == columns.end())
      columns.push_back(cell.kv_tile);
    if (cell.best)
      least = std::min(least, cell.best->us);
  }
  const auto second = runnerUp(s);
  const auto holds = [](const TileCell& cell, const Candidate& c) {
    return c.schedule.q_tile == cell.q_tile && c.schedule.kv_tile == cell.kv_tile;
  };
  json j = {{"width", left + cell_width * static_cast<double>(columns.size()) + 4},
            {"height", top + cell_height * static_cast<double>(rows.size()) + 40},
            {"label_x", left + cell_width * static_cast<double>(columns.size()) / 2},
            {"label_y", top + cell_height * static_cast<double>(rows.size()) + 34},
            {"middle_y", top + cell_height * static_cast<double>(rows.size()) / 2},
            {"cells", json::array()},
            {"rows", json::array()},
            {"columns", json::array()},
            {"rules", json::array()},
            {"shades", json::array()}};
  for (std::size_t i = 0; i < rows.size(); ++i)
    j["rows"].push_back({{"y", top + cell_height * (static_cast<double>(i) + 0.5) + 4}, {"text", rows[i]}});
  for (std::size_t i = 0; i < columns.size(); ++i)
    j["columns"].push_back({{"x", left + cell_width * (static_cast<double>(i) + 0.5)},
                            {"y", top + cell_height * static_cast<double>(rows.size()) + 16},
                            {"text", columns[i]}});
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const TileCell& cell = cells[i];
    const std::size_t row = i / columns.size(), column = i % columns.size();
    const double x = left + cell_width * static_cast<double>(column), y = top + cell_height * static_cast<double>(row);
    json entry = {{"x", x + 1},
                  {"y", y + 1},
                  {"w", cell_width - 2},
                  {"h", cell_height - 2},
                  {"text_x", x + cell_width / 2},
                  {"text_y", y + cell_height / 2 + 4}};
    if (cell.best)
      entry.update({{"css", fmt::format("shade{}", shadeOf(cell.best->us / least))},
                    {"text", shortTime(cell.best->us)},
                    {"title", fmt::format("{} ({:+.0f} %): {}", timeText(cell.best->us),
                                          100 * (cell.best->us / least - 1), toText(cell.best->candidate))}});
    else if (cell.rule)
      entry.update({{"css", "none"}, {"text", std::string(1, letters.at(cell.rule))}, {"title", cell.rule->reason}});
    else
      entry.update({{"css", "none"}, {"text", ""}, {"title", "not measured"}});
    if (holds(cell, s.chosen))
      entry["mark"] = {{"mark_css", "chosen"}};
    else if (second && holds(cell, second->candidate))
      entry["mark"] = {{"mark_css", "second"}};
    j["cells"].push_back(std::move(entry));
  }
  for (const auto& [rule, letter] : letters)
    j["rules"].push_back({{"letter", std::string(1, letter)}, {"name", rule->name}});
  for (std::size_t i = 0; i <= std::size(shades); ++i)
    j["shades"].push_back(
        {{"css", fmt::format("shade{}", i)},
         {"text", i < std::size(shades) ? fmt::format("to {:.0f} %", 100 * (shades[i] - 1)) : std::string("beyond")}});
  return j;
}

} // namespace attune::autotune
