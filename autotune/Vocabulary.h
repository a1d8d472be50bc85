#pragma once

#include "runtime/schedules/Space.h"

namespace attune::autotune {

using namespace schedules; // the tuner speaks of schedules, records, machines and costs as the runtime does

} // namespace attune::autotune
