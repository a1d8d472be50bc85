#include "tests/support/Harness.h"

namespace attune::test {

std::string testTarget() { return "sm_90a"; }

} // namespace attune::test
