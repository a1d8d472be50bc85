#pragma once

#include <string_view>

namespace attune::schedules {

/// Which cost model and which rules these are, as attune::generator() says of the compiler: 16 digits of the contents
/// of runtime/model/ and of the rules. What the model chose is worth no more than the model.
std::string_view chooser();

} // namespace attune::schedules
