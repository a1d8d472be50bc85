#pragma once

#include "attune/attune.hpp"
#include "runtime/cache/EntryStore.h"

#include <memory>

// What the program keeps between runs.

namespace attune::cli {

/// Compiled kernels, and tuning records: below $ATTUNE_CACHE_DIR, with the installed tiers behind them.
cache::StoreOptions kernelOptions();
cache::StoreOptions tuningOptions();

/// Stored choices where there are some, else the engine's cost model.
std::shared_ptr<const ScheduleProvider> storedSchedules();

} // namespace attune::cli
