#include "attune/compiler/Presets.h"
#include "attune/compiler/SpecJson.h"
#include "attune/compiler/Target.h"
#include "attune/compiler/Visible.h"
#include "tests/fuzz/Targets.h"

namespace attune::fuzz {

namespace {

template <class Call>
void refusable(Call&& call) {
  try {
    call();
  } catch (const UserError&) { // the right answer for most inputs
  }
}

} // namespace

void spec(std::string_view text) {
  refusable([&] {
    const AttentionSpec s = specFromJson(text);
    const std::string canonical = specToJson(s);
    require(specToJson(specFromJson(canonical)) == canonical, "the canonical form reads back as itself");
    const auto visible = visibility(s);
    require(!visible(0, -1, 4, 4) && !visible(0, 4, 4, 4), "no key is visible that is not there");
    for (const std::int64_t length : {1ll, 5ll, (1ll << 31) - 1})
      visible(length - 1, length / 2, length, length);
  });
  if (text.size() > 64) // no name
    return;
  refusable([&] { preset(text); });
  refusable([&] { target(text); });
}

} // namespace attune::fuzz
