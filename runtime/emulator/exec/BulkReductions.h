#pragma once

#include "runtime/emulator/BulkCopies.h"
#include "runtime/emulator/exec/Numbers.h"

#include <string_view>
#include <type_traits>

namespace attune::emulator::exec {

/// cp.reduce.async.bulk ("add", "bf16"), but for its .noftz; nullptr for a combination that PTX has not.
BulkReduction bulkReduction(std::string_view operation, std::string_view type);

} // namespace attune::emulator::exec
