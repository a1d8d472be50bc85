// By itself, so that the linker leaves it out of programs that define the function.
#include "tests/support/Harness.h"

namespace attune::test {

std::string testTarget() { return "sm_80"; }

} // namespace attune::test
