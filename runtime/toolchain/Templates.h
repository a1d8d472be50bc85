#pragma once

#include <vector>

namespace attune {

/// One header of templates/, embedded in the library when it was built.
struct Template {
  const char* name; ///< what kernels include: "attune/tile.cuh"
  const char* text;
};

const std::vector<Template>& templates();

} // namespace attune
