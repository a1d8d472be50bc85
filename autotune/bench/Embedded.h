#pragma once

#include <string_view>

// Files of this folder that the program carries.

namespace attune::bench {

/// kernels/NAME.cu; empty if there is none.
std::string_view kernelText(std::string_view name);
/// page.html
std::string_view pageText();

} // namespace attune::bench
