#pragma once

#include "runtime/support/EmbeddedFile.h"

namespace attune {

/// The headers of templates/, by the names that kernels include: "attune/tile.cuh".
EmbeddedFiles templates();

} // namespace attune
