#include "compiler/ir/tile/TileDialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "compiler/ir/tile/TileDialect.cpp.inc"
#include "compiler/ir/tile/TileEnums.cpp.inc"
#include "compiler/ir/tile/TileInterfaces.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "compiler/ir/tile/TileTypes.cpp.inc"

namespace attune::tile {

void TileDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/ir/tile/TileTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/tile/TileOps.cpp.inc"
      >();
}

LogicalResult StType::verify(function_ref<InFlightDiagnostic()> error, int64_t rows, int64_t cols, Type element,
                             int64_t stages) {
  if (rows <= 0 || cols <= 0 || rows % 8 || cols % 16)
    return error() << "expected rows in eights and columns in sixteens, got " << rows << "x" << cols;
  if (!element.isF16() && !element.isBF16() && !isa<Float8E4M3FNType>(element))
    return error() << "expected f16, bf16 or f8E4M3FN elements, got " << element;
  if (isa<Float8E4M3FNType>(element) && cols % 32)
    return error() << "expected columns of 8-bit elements in blocks of 32 bytes, got " << cols;
  if (stages < 1)
    return error() << "expected at least one stage, got " << stages;
  return success();
}

LogicalResult RtType::verify(function_ref<InFlightDiagnostic()> error, int64_t rows, int64_t cols, Type element) {
  if (rows <= 0 || cols <= 0 || rows % 16 || cols % 8)
    return error() << "expected rows in sixteens and columns in eights (fragments of m16n8k16), got " << rows << "x"
                   << cols;
  if (!element.isF16() && !element.isBF16() && !element.isF32() && !isa<Float8E4M3FNType>(element))
    return error() << "expected f16, bf16, f8E4M3FN or f32 elements, got " << element;
  if (isa<Float8E4M3FNType>(element) && cols % 32)
    return error() << "expected columns of 8-bit elements in blocks of 32 bytes, got " << cols;
  return success();
}

} // namespace attune::tile
