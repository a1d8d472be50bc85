#pragma once

#include "compiler/ir/tile/TileDialect.h"

#include <string>

namespace attune::emit {

/// One self-contained translation unit. A const walk: it decides nothing.
/// Fails (with a diagnostic) on an op that no function of templates/ stands for, such as an unplanned fetch.
llvm::FailureOr<std::string> printCuda(tile::KernelOp kernel);

} // namespace attune::emit
