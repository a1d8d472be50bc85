#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "compiler/ir/attn/AttnDialect.h.inc"
#include "compiler/ir/attn/AttnEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/ir/attn/AttnTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/attn/AttnAttrs.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/attn/AttnOps.h.inc"
