// The printer from inside: PrintStatements.cpp has what takes lines, PrintExpressions.cpp what stands in them.
#pragma once

#include "compiler/emit/Expression.h"
#include "compiler/emit/Layout.h"
#include "compiler/ir/tile/TileDialect.h"

namespace attune::emit {

using namespace mlir;

class CudaPrinter {
public:
  llvm::FailureOr<std::string> print(tile::KernelOp kernel);

private:
  LogicalResult block(Block& block);
  LogicalResult statement(Operation& op);
  void lambda(tile::LambdaOp op);
  LogicalResult work(tile::WorkOp op);
  void visible(tile::VisibleOp op);
  void declare(tile::AllocOp op);

  Operand operand(Value value) const;
  Operand definition(Operation& op) const; ///< what an op computes, as an expression
  std::string text(Value value) const { return operand(value).text; }
  std::string call(tile::DeviceCall op) const;
  std::string affine(AffineMap map, ValueRange operands, tile::Reduce reduce, bool* non_negative = nullptr) const;
  std::string condition(AffineMap map, ValueRange operands) const;

  Layout out_;
};

/// A type as C++ spells it; `arguments` is NAME<LIST>.
std::string spell(Type type);
std::string arguments(const std::string& name, std::initializer_list<std::string> list);

/// The name of what an op defines, if it has one.
StringAttr label(Operation* op);

/// Names of block arguments belong to the op that has the block.
StringRef argumentName(BlockArgument argument);

} // namespace attune::emit
