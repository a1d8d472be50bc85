#pragma once

#include <span>
#include <string>
#include <string_view>

namespace attune {

/// The known name that takes the fewest edits to reach, or nothing if none is near.
std::string nearest(std::string_view name, std::span<const std::string> known);

/// "did you mean 'causal'?", of few names "did you mean 'b'? (allowed: a, b, c)", or "use one of: a, b, c".
std::string didYouMean(std::string_view name, std::span<const std::string> known);

} // namespace attune
