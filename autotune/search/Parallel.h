#pragma once

#include <cstddef>
#include <functional>

namespace attune::autotune {

/// Calls work(0) ... work(count - 1) on `jobs` threads; each takes the next index when it is free. Blocks until all are
/// done. The first exception stops the rest and is rethrown.
void parallelFor(std::size_t count, unsigned jobs, const std::function<void(std::size_t)>& work);

} // namespace attune::autotune
