#pragma once

#include "runtime/support/EmbeddedFile.h"

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace attune::autotune {

/// Fills a page of page/ (embedded when this was built) with data. A subset of Mustache:
///   {{name}}            a text, escaped for HTML
///   {{#name}}..{{/name}}  once per element of a list, once for an object or true, not at all for false, null or
///   nothing
///   {{^name}}..{{/name}}  if {{#name}} would print nothing
///   {{>file}}           another page, in the same place
/// Names are looked up from the innermost section outwards. Throws InternalError for a page or a {{name}} that is not
/// there and for sections that do not close.
std::string render(std::string_view page, const nlohmann::json& data);

/// Of page/.
EmbeddedFiles pages();

} // namespace attune::autotune
