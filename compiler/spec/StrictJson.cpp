#include "compiler/spec/StrictJson.h"

#include "compiler/spec/Refuse.h"

#include <algorithm>
#include <set>
#include <vector>

namespace attune {

namespace {

using Json = nlohmann::json;
constexpr int deepest = 8;

/// Brackets open at once, those in strings left out.
int depth(std::string_view text) {
  int open = 0, most = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"')
      quoted = !quoted;
    else if (quoted && text[i] == '\\')
      ++i;
    else if (!quoted && (text[i] == '{' || text[i] == '['))
      most = std::max(most, ++open);
    else if (!quoted && (text[i] == '}' || text[i] == ']'))
      --open;
  }
  return most;
}

/// The library's messages begin with "[json.exception.parse_error.101] ".
std::string reason(const std::exception& error) {
  const std::string text = error.what();
  const std::size_t end = text.find("] ");
  return end == std::string::npos ? text : text.substr(end + 2, 200);
}

} // namespace

Json strictJson(std::string_view text, const std::string& what) {
  if (depth(text) > deepest)
    invalid(what, "it is nested too deeply", "an object holds numbers, strings, and small lists and objects of them");
  std::vector<std::set<std::string>> open;
  std::string duplicate;
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start)
      open.emplace_back();
    else if (event == Json::parse_event_t::object_end)
      open.pop_back();
    else if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      duplicate = parsed.dump();
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, watch);
  } catch (const Json::exception& error) {
    invalid(what, "it must be JSON: " + reason(error), "check quotes, commas and brackets there");
  }
  if (!duplicate.empty())
    invalid(what + ", key " + duplicate, "a key may appear once", "drop one of them");
  if (!json.is_object())
    invalid(what + " " + shown(json), "it must be a JSON object", "begin with { and end with }");
  return json;
}

std::string shown(const Json& value) {
  std::string text =
      value.dump(-1, ' ', true, Json::error_handler_t::replace); // ASCII, so that a cut splits no character
  if (text.size() > 60)
    text = text.substr(0, 57) + "...";
  return text;
}

} // namespace attune
