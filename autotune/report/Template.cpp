#include "autotune/report/Template.h"

#include "attune/compiler/Error.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::autotune {

namespace {

using Json = nlohmann::json;

std::string_view textOf(std::string_view page) {
  if (const char* text = attune::textOf(pages(), page))
    return text;
  throw InternalError(fmt::format("the report has no page '{}'", page));
}

void escape(std::string_view text, std::string& out) {
  for (const char c : text)
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    default:
      out += c;
    }
}

class Renderer {
public:
  explicit Renderer(const Json& data) : scopes_{&data} {}

  /// Prints `text` up to the end of the section it is in, and returns what is behind that; nothing if it has no end.
  void print(std::string_view text) {
    while (!text.empty()) {
      const std::size_t open = text.find("{{");
      out += text.substr(0, open);
      if (open == std::string_view::npos)
        return;
      const std::size_t close = text.find("}}", open);
      if (close == std::string_view::npos)
        throw InternalError("a tag of the report does not close");
      const std::string_view tag = text.substr(open + 2, close - open - 2);
      text.remove_prefix(close + 2);
      if (tag.starts_with('#') || tag.starts_with('^'))
        text = section(tag.substr(1), tag[0] == '^', text);
      else if (tag.starts_with('>'))
        print(textOf(tag.substr(1)));
      else
        variable(tag);
    }
  }

  std::string out;

private:
  const Json* find(std::string_view name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
      if ((*scope)->is_object())
        if (const auto found = (*scope)->find(name); found != (*scope)->end())
          return &*found;
    return nullptr;
  }

  void variable(std::string_view name) {
    const Json* value = name == "." ? scopes_.back() : find(name);
    if (!value)
      throw InternalError(fmt::format("the report knows no '{}'", name));
    escape(value->is_string() ? value->get_ref<const std::string&>() : value->dump(), out);
  }

  std::string_view section(std::string_view name, bool inverted, std::string_view rest) {
    const std::string end = fmt::format("{{{{/{}}}}}", name);
    const std::size_t at = rest.find(end); // no section lies in one of its own name
    if (at == std::string_view::npos)
      throw InternalError(fmt::format("section '{}' of the report does not close", name));
    const std::string_view body = rest.substr(0, at);
    const Json* value = find(name);
    const bool none = !value || value->is_null() || *value == false || value->empty();
    if (inverted != none)
      return rest.substr(at + end.size());
    if (inverted)
      print(body);
    else if (value->is_array())
      for (const Json& element : *value)
        inside(element, body);
    else
      inside(*value, body);
    return rest.substr(at + end.size());
  }

  void inside(const Json& scope, std::string_view body) {
    scopes_.push_back(&scope);
    print(body);
    scopes_.pop_back();
  }

  std::vector<const Json*> scopes_;
};

} // namespace

std::string render(std::string_view page, const Json& data) {
  Renderer renderer(data);
  renderer.print(textOf(page));
  return std::move(renderer.out);
}

} // namespace attune::autotune
