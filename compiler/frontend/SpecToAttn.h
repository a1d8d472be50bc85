#pragma once

#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"

#include "compiler/ir/attn/AttnDialect.h"

namespace attune {

/// The spec as one attn.forward. The spec must be valid (validate): it throws UserError for a custom mask that cannot
/// be read, before it touches any IR.
attn::ForwardOp buildForward(mlir::OpBuilder& builder, mlir::Location loc, const AttentionSpec& spec,
                             const Schedule& schedule);

} // namespace attune
