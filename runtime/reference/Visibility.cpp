#include "runtime/reference/Visibility.h"

#include "attune/compiler/Visible.h"

namespace attune::reference {

namespace {

std::int64_t floorDiv(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

bool visibleByFields(const AttentionSpec& spec, std::int64_t p, std::int64_t k) {
  if (spec.prefix && k < *spec.prefix)
    return true;
  return (spec.causal == Causal::None || k <= p) && (!spec.window.left || k >= p - *spec.window.left) &&
         (!spec.window.right || k <= p + *spec.window.right) &&
         (!spec.chunk || floorDiv(p, *spec.chunk) == floorDiv(k, *spec.chunk));
}

} // namespace

std::int64_t alignedPosition(const AttentionSpec& spec, std::int64_t query, std::int64_t sq, std::int64_t sk) {
  return spec.causal == Causal::TopLeft ? query : query + sk - sq;
}

std::vector<std::uint8_t> visiblePairs(const AttentionSpec& spec, int sq, int sk) {
  std::vector<std::uint8_t> visible(static_cast<std::size_t>(sq) * sk);
  const auto custom = spec.mask.empty() ? nullptr : visibility(spec);
  for (int q = 0; q < sq; ++q)
    for (int k = 0; k < sk; ++k)
      visible[static_cast<std::size_t>(q) * sk + k] =
          custom ? custom(q, k, sq, sk) : visibleByFields(spec, reference::alignedPosition(spec, q, sq, sk), k);
  return visible;
}

} // namespace attune::reference
