#include "tests/support/Harness.h"

#include <cstdlib>

namespace attune::test {

/// Of the device that ATTUNE_TEST_DEVICE names.
std::string testTarget() {
  static const std::string arch = [] {
    const char* name = std::getenv("ATTUNE_TEST_DEVICE");
    return openDevice(name ? name : "auto")->properties().arch;
  }();
  return arch;
}

} // namespace attune::test
