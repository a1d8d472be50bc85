#include "compiler/spec/Nearest.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace attune {

namespace {

int lower(char c) { return std::tolower(static_cast<unsigned char>(c)); }

/// Letters of either case are one.
std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (lower(a[i - 1]) != lower(b[j - 1]))});
      diagonal = above;
    }
  }
  return row.back();
}

} // namespace

std::string nearest(std::string_view name, std::span<const std::string> known) {
  std::string best;
  std::size_t fewest = std::max<std::size_t>(2, name.size() / 3) + 1;
  if (name.size() > 100)
    return best;
  for (const std::string& candidate : known)
    if (const std::size_t edits = editDistance(name, candidate); edits < fewest) {
      fewest = edits;
      best = candidate;
    }
  return best;
}

std::string didYouMean(std::string_view name, std::span<const std::string> known) {
  constexpr std::size_t few = 8;
  const std::string near = nearest(name, known);
  std::string text = near.empty() ? "use one of: " : "did you mean '" + near + "'?";
  if (!near.empty() && known.size() > few)
    return text;
  text += near.empty() ? "" : " (allowed: ";
  for (const std::string& candidate : known)
    text += (&candidate == known.data() ? "" : ", ") + candidate;
  return text + (near.empty() ? "" : ")");
}

} // namespace attune
