#pragma once

#include <string>

namespace attune::emit {

/// Lines, indentation and paragraphs of C++ text, laid out as the repository's .clang-format would.
class Layout {
public:
  void line(const std::string& text); ///< wraps after a comma or before an operator at 120 columns
  void open(const std::string& text); ///< a line, then one level deeper
  void close(const std::string& text = "}");
  void section(const std::string& comment);                            ///< a blank line, and the comment if not empty
  void declaration(const std::string& type, const std::string& name);  ///< neighbours of one type share a line
  void lambda(const std::string& head, const std::string& expression); ///< on one line if it fits
  std::string take();

private:
  std::string indented(const std::string& text) const;
  void flush();

  std::string text_;
  int depth_ = 0;
  bool fresh_ = true; ///< nothing yet in this block: no blank line
  std::string declared_type_, declared_names_;
};

} // namespace attune::emit
