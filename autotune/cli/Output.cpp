#include "autotune/cli/Output.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace attune::cli {

namespace {

bool isNumber(std::string_view cell) { return !cell.empty() && (cell[0] == '-' || (cell[0] >= '0' && cell[0] <= '9')); }

} // namespace

std::string style(FILE* stream, std::string_view text, Style which) {
  constexpr const char* codes[] = {"", "1", "2", "32", "31"};
  const char* no_color = std::getenv("NO_COLOR");
  if (which == Style::Plain || (no_color && *no_color) || !isatty(fileno(stream)))
    return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", codes[static_cast<int>(which)], text);
}

void printJson(const nlohmann::json& document) {
  // NaN and infinities are null in JSON; bytes that are not UTF-8 (a user's file name) are replaced
  fmt::print("{}\n", document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stdout);
}

void progress(std::string_view text) { fmt::print(stderr, "{}\n", style(stderr, text, Style::Dim)); }

void Table::print(FILE* stream) const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool right = &row != &rows_.front() && isNumber(row[i]) && i > 0;
      line += right ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
      line += i + 1 < row.size() ? "  " : "";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print(stream, "{}\n", style(stream, line, &row == &rows_.front() ? Style::Bold : Style::Plain));
  }
}

void heading(std::string_view text) { fmt::print("\n{}\n", style(stdout, text, Style::Bold)); }

void excerpt(std::string_view text, int lines) {
  for (std::size_t begin = 0; begin < text.size(); --lines) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (lines == 0) {
      fmt::print("  {}\n", style(stdout,
                                 fmt::format("... {} more lines",
                                             std::count(text.begin() + static_cast<long>(begin), text.end(), '\n')),
                                 Style::Dim));
      return;
    }
    fmt::print("{}{}\n", end > begin ? "  " : "", text.substr(begin, end - begin));
    begin = end + 1;
  }
}

} // namespace attune::cli
