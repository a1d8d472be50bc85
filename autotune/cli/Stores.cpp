#include "autotune/cli/Stores.h"

#include "autotune/store/TunedSchedules.h"
#include "runtime/cache/Paths.h"
#include "runtime/engine/KernelStore.h"

namespace attune::cli {

cache::StoreOptions kernelOptions() { return kernelStore(cache::userCacheFolder()); }
cache::StoreOptions tuningOptions() { return autotune::tuningStore(cache::userCacheFolder()); }

std::shared_ptr<const ScheduleProvider> storedSchedules() {
  return std::make_shared<autotune::TunedSchedules>(tuningOptions());
}

} // namespace attune::cli
