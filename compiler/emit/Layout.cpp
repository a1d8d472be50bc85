#include "compiler/emit/Layout.h"

#include <algorithm>
#include <climits>
#include <string_view>
#include <utility>
#include <vector>

namespace attune::emit {

static constexpr std::size_t columns = 120;

/// Where to break a line that is too long: after the last comma or logical operator that fits, at the outermost depth;
/// without one, after the colon of a choice. `align` is the column of what follows; it stays as it is where the line
/// opens no parenthesis.
static std::size_t breakPoint(const std::string& line, bool continued, std::size_t& align) {
  std::size_t best = std::string::npos, colon = std::string::npos;
  std::vector<std::size_t> parens;
  if (continued)
    parens.push_back(align); // opened on a line before
  int outermost = INT_MAX;
  for (std::size_t i = 0; i < line.size() && i < columns; ++i) {
    bool spaced = i > 0 && line[i - 1] == ' '; // a comparison, not a template argument list
    if (line[i] == '(' || (line[i] == '<' && !spaced))
      parens.push_back(i + 1);
    else if ((line[i] == ')' || (line[i] == '>' && !spaced)) && !parens.empty())
      parens.pop_back();
    const auto sign = [&](std::string_view text) { return spaced && line.compare(i, text.size(), text) == 0; };
    const std::size_t joint = line[i] == ',' ? 1 : sign("&& ") || sign("|| ") ? 2 : 0;
    if (sign(": ") && best == std::string::npos)
      colon = i + 1;
    if (joint == 0 || i + joint > columns || int(parens.size()) > outermost)
      continue;
    outermost = std::min(outermost, int(parens.size()));
    best = i + joint;
    if (!parens.empty())
      align = parens.back();
  }
  return best == std::string::npos ? colon : best;
}

/// A comment goes on as a comment: words are wrapped, and the lines after the first are indented by two.
static std::string wrapped(const std::string& text, const std::string& indent) {
  const std::string prefix = indent + "//" + std::string(text.find_first_not_of(' ', 2), ' ');
  std::string result, rest = indent + text;
  while (rest.size() > columns) {
    std::size_t at = rest.rfind(' ', columns);
    if (const std::size_t word = rest.rfind(' ', at - 1); rest[word + 1] == '[') // a range stays in one piece
      at = word;
    if (at == std::string::npos || at <= prefix.size())
      break;
    result.append(rest, 0, at).append("\n");
    rest.replace(0, at + 1, prefix);
  }
  return result.append(rest).append("\n");
}

void Layout::line(const std::string& text) {
  flush();
  fresh_ = false;
  if (text.empty()) {
    text_ += "\n";
    return;
  }
  if (text.starts_with("//")) {
    text_ += wrapped(text, indented(""));
    return;
  }
  std::string rest = indented(text);
  std::size_t align = rest.find_first_not_of(' ') + 4;
  for (bool continued = false; rest.size() > columns; continued = true) {
    std::size_t at = breakPoint(rest, continued, align);
    if (at == std::string::npos)
      break;
    text_ += rest.substr(0, at) + "\n";
    rest = std::string(align, ' ') + rest.substr(at + 1);
  }
  text_ += rest + "\n";
}

std::string Layout::indented(const std::string& text) const {
  return std::string(2 * static_cast<std::size_t>(depth_), ' ') + text;
}

void Layout::lambda(const std::string& head, const std::string& expression) {
  std::string whole = head + " { return " + expression + "; };";
  if (indented(whole).size() <= columns)
    return line(whole);
  open(head + " {");
  line("return " + expression + ";");
  close("};");
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
