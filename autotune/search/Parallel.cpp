#include "autotune/search/Parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace attune::autotune {

void parallelFor(std::size_t count, unsigned jobs, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failed;
  std::mutex mutex;
  const auto loop = [&] {
    for (std::size_t i = next++; i < count; i = next++)
      try {
        work(i);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        if (!failed)
          failed = std::current_exception();
        next = count;
      }
  };
  {
    std::vector<std::jthread> helpers;
    for (std::size_t n = 1; n < std::min<std::size_t>(std::max(jobs, 1u), count); ++n)
      helpers.emplace_back(loop);
    loop();
  }
  if (failed)
    std::rethrow_exception(failed);
}

} // namespace attune::autotune
