#include "compiler/emit/Layout.h"

#include <utility>

namespace attune::emit {

static constexpr std::size_t columns = 120;

/// Where to break a line that is too long: after the last comma that fits, inside the parenthesis opened last before it.
/// Returns npos where there is none. `align` gets the column of what follows.
static std::size_t breakPoint(const std::string& line, std::size_t& align) {
  std::size_t best = std::string::npos;
  std::string opened; // stack of columns
  std::basic_string<std::size_t> parens;
  for (std::size_t i = 0; i < line.size() && i < columns; ++i) {
    if (line[i] == '(')
      parens.push_back(i + 1);
    else if (line[i] == ')' && !parens.empty())
      parens.pop_back();
    bool comma = line[i] == ',' && i + 1 < columns;
    bool joint = (line.compare(i, 3, "&& ") == 0 || line.compare(i, 3, "|| ") == 0) && i + 2 < columns;
    if ((comma || joint) && parens.size() <= 1) {
      best = joint ? i + 2 : i + 1;
      align = parens.empty() ? line.find_first_not_of(' ') + 4 : parens.back();
    }
  }
  return best;
}

void Layout::line(const std::string& text) {
  flush();
  fresh_ = false;
  if (text.empty()) {
    text_ += "\n";
    return;
  }
  std::string rest = std::string(2 * depth_, ' ') + text;
  while (rest.size() > columns && rest.find("// ") != 0) {
    std::size_t align = 0, at = breakPoint(rest, align);
    if (at == std::string::npos)
      break;
    text_ += rest.substr(0, at) + "\n";
    rest = std::string(align, ' ') + rest.substr(at + 1);
  }
  text_ += rest + "\n";
}

void Layout::open(const std::string& text) {
  line(text);
  ++depth_;
  fresh_ = true;
}

void Layout::close(const std::string& text) {
  flush();
  --depth_;
  if (!text.empty())
    line(text);
  fresh_ = false;
}

void Layout::section(const std::string& comment) {
  flush();
  if (!fresh_)
    text_ += "\n";
  if (!comment.empty())
    line("// " + comment);
}

void Layout::declaration(const std::string& type, const std::string& name) {
  if (type != declared_type_)
    flush();
  declared_type_ = type;
  declared_names_ += (declared_names_.empty() ? "" : ", ") + name;
}

void Layout::flush() {
  if (declared_names_.empty())
    return;
  std::string text = std::exchange(declared_type_, "") + " " + std::exchange(declared_names_, "") + ";";
  line(text);
}

std::string Layout::take() {
  flush();
  return std::move(text_);
}

} // namespace attune::emit
