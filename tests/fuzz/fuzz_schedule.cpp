#include "attune/compiler/DefaultSchedule.h"
#include "tests/fuzz/Targets.h"

namespace attune::fuzz {

void schedule(std::string_view text) {
  try {
    const Schedule s = scheduleFromText(text);
    require(toText(scheduleFromText(toText(s))) == toText(s), "the text form reads back as itself");
    AttentionSpec attention;
    attention.q_heads = attention.kv_heads = 1;
    attention.head_dim = 256;
    require(sharedBytes(attention, s) > 0, "shared memory is counted without overflow");
  } catch (const UserError&) { // the right answer for most inputs
  }
}

} // namespace attune::fuzz
