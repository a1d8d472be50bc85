#pragma once

#include "autotune/cli/CompileReport.h"

#include <string>
#include <vector>

namespace attune::cli {

/// CUDA text that needs no header of Attune: the templates that the kernels include, each once, then the kernels, each
/// in a namespace if they are several (their symbols are extern "C" and stay as they are). What nvcc and NVRTC compile
/// alone.
std::string selfContained(const std::vector<CompiledKernel>& kernels);

} // namespace attune::cli
