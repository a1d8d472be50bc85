#pragma once

#include "compiler/ir/tile/TileDialect.h"

#include "mlir/Pass/Pass.h"

namespace attune::tile {

#define GEN_PASS_DECL
#include "compiler/passes/TilePasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/passes/TilePasses.h.inc"

} // namespace attune::tile
