#pragma once

#include "mlir/Pass/PassManager.h"

#include <functional>
#include <string>

namespace attune {

/// All passes from attn.forward to tile kernels that the printer takes, top to bottom. `shared_limit` is the target's
/// shared memory per block in bytes.
void buildPipeline(mlir::PassManager& passes, std::int64_t shared_limit);

/// Makes `passes` call `dump(pass, IR)` after each pass.
void dumpAfterEach(mlir::PassManager& passes, std::function<void(std::string, std::string)> dump);

} // namespace attune
