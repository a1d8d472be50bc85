#include "runtime/engine/Imports.h"

#include "attune/compiler/Error.h"
#include "compiler/spec/Refuse.h"
#include "runtime/engine/KernelStore.h"
#include "runtime/schedules/Record.h"

#include <tuple>

#include <fmt/format.h>

namespace attune {

namespace {

bool ofRecords(const cache::EntryStore& store) { return store.options().kind == "tuning"; }

void check(const cache::EntryStore& store, const cache::EntryInfo& entry) {
  if (ofRecords(store) ? schedules::recordFromPayload(entry.payload).has_value()
                       : fromPayload(entry.payload).has_value())
    return;
  invalid(fmt::format("bundle entry '{}'", entry.key.text.substr(0, 80)),
          fmt::format("it is no {}", ofRecords(store) ? "tuning record" : "compiled kernel"),
          "export the bundle again, with this version");
}

auto worth(const schedules::Record& record) {
  int samples = 0;
  for (const schedules::Trial& trial : record.trials)
    samples += trial.timing.samples;
  return std::tuple(record.complete, record.effort, samples);
}

bool stays(const cache::EntryStore& store, std::string_view ours, std::string_view theirs) {
  if (!ofRecords(store))
    return fromPayload(ours).has_value();
  const auto here = schedules::recordFromPayload(ours), there = schedules::recordFromPayload(theirs);
  return here && (!there || worth(*here) >= worth(*there));
}

} // namespace

const cache::ImportRules& importRules() {
  static const cache::ImportRules rules{.check = check, .stays = stays};
  return rules;
}

} // namespace attune
