#include "attune/compiler/Visible.h"

#include "compiler/spec/MaskText.h"

#include <algorithm>

namespace attune {

std::int64_t alignedPosition(const AttentionSpec& spec, std::int64_t q, std::int64_t sq, std::int64_t sk) {
  return spec.causal == Causal::TopLeft ? q : q + sk - sq;
}

std::function<bool(std::int64_t, std::int64_t, std::int64_t, std::int64_t)> visibility(const AttentionSpec& spec) {
  std::vector<MaskConjunction> custom;
  custom.reserve(spec.mask.size());
  for (const std::string& text : spec.mask)
    custom.push_back(parseMask(text));
  return [spec, custom](std::int64_t q, std::int64_t k, std::int64_t sq, std::int64_t sk) {
    if (k < 0 || k >= sk)
      return false;
    if (!custom.empty())
      return std::ranges::any_of(custom, [&](const MaskConjunction& all) {
        return std::ranges::all_of(all, [&](const MaskConstraint& c) {
          const std::int64_t value = evaluate(c.difference, q, k, sq, sk);
          return c.equality ? value == 0 : value >= 0;
        });
      });
    if (spec.prefix && k < *spec.prefix)
      return true;
    const std::int64_t p = alignedPosition(spec, q, sq, sk);
    const auto chunk_of = [&](std::int64_t position) {
      const std::int64_t c = *spec.chunk;
      return position / c - (position % c < 0);
    };
    return (spec.causal == Causal::None || k <= p) && (!spec.window.left || k >= p - *spec.window.left) &&
           (!spec.window.right || k <= p + *spec.window.right) && (!spec.chunk || chunk_of(k) == chunk_of(p));
  };
}

} // namespace attune
