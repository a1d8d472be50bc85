#include "runtime/reference/Visibility.h"

#include "attune/compiler/Visible.h"

namespace attune::reference {

std::vector<std::uint8_t> visiblePairs(const AttentionSpec& spec, int sq, int sk) {
  const auto visible = visibility(spec);
  std::vector<std::uint8_t> pairs(static_cast<std::size_t>(sq) * sk);
  for (int q = 0; q < sq; ++q)
    for (int k = 0; k < sk; ++k)
      pairs[static_cast<std::size_t>(q) * sk + k] = visible(q, k, sq, sk);
  return pairs;
}

} // namespace attune::reference
