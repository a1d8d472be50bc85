#include "autotune/cli/Stores.h"

#include "runtime/cache/Paths.h"
#include "runtime/engine/KernelStore.h"
#include "runtime/schedules/RecordStore.h"

namespace attune::cli {

cache::StoreOptions kernelOptions() { return kernelStore(cache::userCacheFolder()); }
cache::StoreOptions tuningOptions() { return schedules::tuningStore(cache::userCacheFolder()); }

} // namespace attune::cli
