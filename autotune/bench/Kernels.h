#pragma once

#include "runtime/support/EmbeddedFile.h"

namespace attune::bench {

/// kernels/*.cu: what ceilings are measured with.
EmbeddedFiles kernels();

} // namespace attune::bench
