#include "autotune/cli/Stores.h"

#include "runtime/cache/Paths.h"
#include "runtime/engine/KernelStore.h"
#include "runtime/schedules/TunedSchedules.h"

namespace attune::cli {

cache::StoreOptions kernelOptions() { return kernelStore(cache::userCacheFolder()); }
cache::StoreOptions tuningOptions() { return schedules::tuningStore(cache::userCacheFolder()); }

std::shared_ptr<const ScheduleProvider> storedSchedules() {
  return std::make_shared<schedules::TunedSchedules>(tuningOptions());
}

} // namespace attune::cli
