#pragma once

#include "attune/Device.h"
#include "attune/attune.hpp"

#include <optional>
#include <span>

namespace attune::schedules {

/// The choice where there is no record: default schedules, and the chunk count that the model predicts to be best.
ScheduleProvider::Choice untuned(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                                 int splits);

/// The choice when the caller fixes the schedule: a schedule that splits needs a count, one that does not must not be
/// given one. Throws UserError if it is.
ScheduleProvider::Choice pinned(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int splits,
                                const DeviceProperties& device);

/// Of these schedules the one that is predicted to be fastest, with its best chunk count. If the caller fixed the
/// count, of those that can keep to it. Nothing if there is none.
std::optional<ScheduleProvider::Choice> fastest(const AttentionSpec& spec, const Problem& problem,
                                                std::span<const Schedule> schedules, int splits,
                                                const DeviceProperties& device);

} // namespace attune::schedules
