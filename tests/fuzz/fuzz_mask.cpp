#include "compiler/spec/MaskText.h"
#include "tests/fuzz/Targets.h"

namespace attune::fuzz {

void mask(std::string_view text) {
  try {
    const MaskConjunction all = parseMask(text);
    require(!all.empty(), "a set has a comparison");
    constexpr std::int64_t near = 1 << 20, far = (1ll << 31) - 1;
    for (const MaskConstraint& c : all) {
      for (const std::int64_t p : {std::int64_t{0}, near})
        for (const std::int64_t l : {std::int64_t{0}, near}) {
          const std::int64_t value = evaluate(c.difference, p, near - p, l, near - l);
          require(value >= -(1ll << 31) && value < 1ll << 31, "values stay in 32 bits");
        }
      evaluate(c.difference, far, 0, 0, far); // no overflow even there
    }
  } catch (const UserError&) { // the right answer for most inputs
  }
}

} // namespace attune::fuzz
