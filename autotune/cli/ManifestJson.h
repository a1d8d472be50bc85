#pragma once

#include "attune/compiler/Manifest.h"

#include <nlohmann/json_fwd.hpp>

namespace attune::cli {

/// What who launches a kernel must know: its parameters in order, its grid as factors per dimension, threads and bytes
/// of shared memory.
nlohmann::json toJson(const Manifest& manifest);

} // namespace attune::cli
