#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "compiler/ir/tile/TileDialect.h.inc"
#include "compiler/ir/tile/TileEnums.h.inc"
#include "compiler/ir/tile/TileInterfaces.h.inc"

#define GET_TYPEDEF_CLASSES
#include "compiler/ir/tile/TileTypes.h.inc"

namespace attune::tile {
/// Slots of a ring of shared tiles or barriers, and its type with another number of them.
std::int64_t stagesOf(mlir::Type type);
mlir::Type withStages(mlir::Type type, std::int64_t stages);
} // namespace attune::tile

#define GET_OP_CLASSES
#include "compiler/ir/tile/TileOps.h.inc"
