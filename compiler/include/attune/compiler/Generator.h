#pragma once

#include <string_view>

namespace [[gnu::visibility("default")]] attune {

/// Which compiler this is: 16 hexadecimal digits of the contents of all files that decide the text of a kernel
/// (compiler/ and templates/). The build makes it (cmake/AttuneDigest.cmake), so nobody counts versions. Equal digits,
/// equal kernels.
std::string_view generator();

} // namespace attune
