#pragma once

#include "attune/Device.h"
#include "attune/attune.hpp"

namespace attune {

/// The choice when the caller fixes the schedule: a schedule that splits needs a count, one that does not must not be
/// given one. Throws UserError if it is.
ScheduleProvider::Choice pinned(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int splits,
                                const DeviceProperties& device);

} // namespace attune
