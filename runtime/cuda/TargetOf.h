#pragma once

#include <string>
#include <string_view>

namespace attune::cuda {

/// The compile target for a GPU of this compute capability: the most capable one of its own ("sm_90a" before "sm_90"),
/// else the newest of the same major version, whose cubins it runs. Throws DeviceError if there is none.
std::string targetOf(std::string_view gpu, int major, int minor);

} // namespace attune::cuda
