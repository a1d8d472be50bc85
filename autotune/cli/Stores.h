#pragma once

#include "runtime/cache/EntryStore.h"

// What the program keeps between runs.

namespace attune::cli {

/// Compiled kernels, and tuning records: below $ATTUNE_CACHE_DIR, with the installed tiers behind them.
cache::StoreOptions kernelOptions();
cache::StoreOptions tuningOptions();

} // namespace attune::cli
