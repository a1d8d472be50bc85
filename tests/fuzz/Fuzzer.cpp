#include "tests/fuzz/Targets.h"

#include <cstddef>
#include <cstdint>

// ATTUNE_FUZZ_TARGET: the function of Targets.h that this program drives.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  attune::fuzz::ATTUNE_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
