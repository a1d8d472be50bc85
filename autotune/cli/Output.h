#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

// What the program says: tables for people, one JSON document for scripts, progress on stderr.

namespace attune::cli {

enum class Style { Plain, Bold, Dim, Good, Bad };

/// `text` in a style, if `stream` is a terminal and NO_COLOR is not set.
std::string style(FILE* stream, std::string_view text, Style which);

/// The one document on stdout.
void printJson(const nlohmann::json& document);

/// A line on stderr, while something takes its time.
void progress(std::string_view text);

/// Columns as wide as their widest cell. Cells that look like numbers are aligned to the right.
class Table {
public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void print(FILE* stream = stdout) const;

private:
  std::vector<std::vector<std::string>> rows_;
};

/// A heading of a report.
void heading(std::string_view text);

/// Text indented by two spaces, at most `lines` of it.
void excerpt(std::string_view text, int lines);

} // namespace attune::cli
