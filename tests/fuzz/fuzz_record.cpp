#include "runtime/schedules/Record.h"
#include "tests/fuzz/Targets.h"

namespace attune::fuzz {

void record(std::string_view payload) {
  const auto read = schedules::recordFromPayload(payload);
  if (!read)
    return; // the right answer for most inputs
  const std::string written = schedules::toPayload(*read);
  const auto again = schedules::recordFromPayload(written);
  require(again && schedules::toPayload(*again) == written, "a record reads back as itself");
  require(schedules::keyOf(*read).text == schedules::keyOf(*again).text, "and is found under the same key");
  require(!schedules::findings(*read).empty(), "something was chosen");
}

} // namespace attune::fuzz
