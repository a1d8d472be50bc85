#pragma once

#include "attune/compiler/Manifest.h"

#include <nlohmann/json_fwd.hpp>

namespace attune::cli {

/// What who launches a kernel must know, key for field as Manifest.h explains it: its parameters in order, its grid as
/// factors per dimension, threads and bytes of shared memory. A tensor map's swizzle is as wide as its box.
nlohmann::json toJson(const Manifest& manifest);

} // namespace attune::cli
