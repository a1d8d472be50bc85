#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace attune {

/// Parses an object that a stranger wrote. Beyond the grammar it refuses duplicate keys, of which the library would
/// keep the last, and nesting deeper than 8, because the library prints values recursively. `what` begins the messages:
/// "the spec".
nlohmann::json strictJson(std::string_view text, const std::string& what);

/// A value as messages show it: one line, at most 60 characters, always valid UTF-8.
std::string shown(const nlohmann::json& value);

} // namespace attune
