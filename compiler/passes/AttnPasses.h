#pragma once

#include "compiler/ir/attn/AttnDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace attune::attn {

#define GEN_PASS_DECL
#include "compiler/passes/AttnPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/passes/AttnPasses.h.inc"

} // namespace attune::attn
