#pragma once

#include "compiler/ir/tile/TileDialect.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attune::tile {

/// `if (begin >= end) return;` before the loops: at least one tile is visited.
inline bool returnsWithout(KernelOp kernel, mlir::Value begin, mlir::Value end) {
  auto difference = mlir::getAffineDimExpr(0, kernel.getContext()) - mlir::getAffineDimExpr(1, kernel.getContext());
  return llvm::any_of(kernel.getBody().getOps<IfOp>(), [&](IfOp branch) {
    return branch.getMap().getResult(0) == difference && branch.getOperands() == mlir::ValueRange{begin, end} &&
           !branch.getBody().getOps<ReturnOp>().empty();
  });
}

/// Shorthands for the ops that conversions write most.
class TileBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Value = mlir::Value;
  using Name = llvm::StringRef; ///< empty: no name, printed where it is used

  mlir::StringAttr label(Name name) { return name.empty() ? mlir::StringAttr() : getStringAttr(name); }
  mlir::AffineExpr d(unsigned position) { return getAffineDimExpr(position); }

  /// An expression over dims d(0), d(1), ... for `operands`.
  Value index(Name name, mlir::AffineExpr expr, mlir::ValueRange operands) {
    return index(name, mlir::AffineMap::get(unsigned(operands.size()), 0, expr), Reduce::Only, operands);
  }
  Value index(Name name, mlir::AffineMap map, Reduce reduce, mlir::ValueRange operands) {
    return create<IndexOp>(getIndexType(), label(name), map, reduce, operands);
  }
  Value name(Name name, Value value) { return index(name, d(0), value); }
  Value block(Axis axis) { return create<BlockOp>(getIndexType(), axis); }
  Value blocks(Axis axis) { return create<BlocksOp>(getIndexType(), axis); }
  Value element(Name name, Value pointer, Value position) {
    auto type = mlir::cast<PtrType>(pointer.getType()).getElement();
    return create<ElementOp>(type.isF32() ? type : mlir::Type(getIndexType()), label(name), pointer, position);
  }
  Value ring(Name name, std::int64_t stages) {
    return create<RingOp>(RingType::get(getContext(), stages), label(name));
  }
  /// Of a ring's slots, the one of its tile or of the tile `ahead` tiles later.
  Value slot(Value tiles, Value ring, std::int64_t ahead = 0) {
    return create<SlotOp>(withStages(tiles.getType(), 1), tiles, ring, ahead);
  }
  /// `value`, which the body of `loop` computes of its tile, where that tile is `tile`.
  Value at(Value value, ForOp loop, Value tile) {
    mlir::Operation* op = value.getDefiningOp();
    if (value == loop.getTile())
      return tile;
    if (!op || !loop->isProperAncestor(op))
      return value;
    mlir::IRMapping operands;
    for (Value operand : op->getOperands())
      operands.map(operand, at(operand, loop, tile));
    return clone(*op, operands)->getResult(0);
  }
  Value alloc(Name name, mlir::Type type) { return create<AllocOp>(type, label(name), mlir::IntegerAttr()); }
  void section(Name text = {}) { create<SectionOp>(label(text)); }

  /// A named function with one expression, which `body` builds from the arguments.
  Value lambda(Name name, llvm::ArrayRef<std::pair<Name, mlir::Type>> parameters,
               llvm::function_ref<Value(mlir::ValueRange)> body) {
    auto names = llvm::map_to_vector(parameters, [](auto parameter) { return parameter.first; });
    auto op = create<LambdaOp>(LambdaType::get(getContext()), label(name), getStrArrayAttr(names));
    mlir::OpBuilder::InsertionGuard guard(*this);
    mlir::Block* block = createBlock(&op.getBody());
    for (auto [parameter, type] : parameters)
      block->addArgument(type, getLoc());
    create<YieldOp>(body(block->getArguments()));
    return op;
  }

  template <class Op, class... Args>
  Op create(Args&&... args) {
    return Op::create(*this, std::forward<Args>(args)...);
  }
};

} // namespace attune::tile
