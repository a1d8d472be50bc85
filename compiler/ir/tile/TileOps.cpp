// Verifiers. Each says what it expected and what it got.
#include "compiler/ir/tile/TileDialect.h"

using namespace mlir;

namespace attune::tile {

LogicalResult KernelOp::verify() {
  auto arguments = getBody().getArguments();
  if (getArgNames().size() != arguments.size())
    return emitOpError() << "expected one name per argument (" << arguments.size() << "), got " << getArgNames().size();
  for (auto argument : arguments)
    if (!isa<GlType, PtrType, IndexType, Float32Type>(argument.getType()))
      return emitOpError() << "expected gl, ptr, index or f32 arguments, got " << argument.getType();
  if (getThreads() < 32 || getThreads() > 1024 || getThreads() % 32)
    return emitOpError() << "expected 1 to 32 warps of 32 threads, got " << getThreads() << " threads";
  if (getGrid().size() != 3)
    return emitOpError() << "expected three grid dimensions, got " << getGrid().size();
  for (Operation& op : *getBody().begin())
    if (!isa<TileDialect>(op.getDialect()))
      return emitOpError() << "expected only tile ops, got " << op.getName();
  return success();
}

LogicalResult AllocOp::verify() {
  if (getOffset() && !isa<StType>(getType()))
    return emitOpError() << "expected an offset on a shared tile only, got " << getType();
  if (getOffset() && *getOffset() % 128)
    return emitOpError() << "expected an offset in multiples of 128, got " << *getOffset();
  return success();
}

LogicalResult SlotOp::verify() {
  if (getTiles().getType().getStages() != getRing().getType().getStages())
    return emitOpError() << "expected a ring of " << getTiles().getType().getStages() << " stages, got "
                         << getRing().getType().getStages();
  auto tiles = getTiles().getType();
  auto expected = StType::get(getContext(), tiles.getRows(), tiles.getCols(), tiles.getElement(), 1);
  if (getType() != expected)
    return emitOpError() << "expected one stage, " << expected << ", got " << getType();
  return success();
}

LogicalResult IndexOp::verify() {
  if (getMap().getNumInputs() != getOperands().size())
    return emitOpError() << "expected " << getMap().getNumInputs() << " operands, got " << getOperands().size();
  bool one = getMap().getNumResults() == 1;
  if (one != (getReduce() == Reduce::Only) || getMap().getNumResults() == 0)
    return emitOpError() << "expected one expression, or min or max of several, got " << getMap().getNumResults()
                         << " and " << stringifyReduce(getReduce());
  return success();
}

LogicalResult VisibleOp::verify() {
  if (getSets().empty())
    return emitOpError() << "expected at least one set, got none";
  for (auto attribute : getSets()) {
    auto set = dyn_cast<IntegerSetAttr>(attribute);
    if (!set)
      return emitOpError() << "expected integer sets, got " << attribute;
    if (set.getValue().getNumDims() != 2 || set.getValue().getNumSymbols() != getSymbols().size())
      return emitOpError() << "expected sets over (query, key) with " << getSymbols().size() << " symbols, got " << set;
  }
  if (getGroup() < 1)
    return emitOpError() << "expected a group of at least 1, got " << getGroup();
  return success();
}

LogicalResult LambdaOp::verify() {
  Block& block = getBody().front();
  if (getArgNames().size() != block.getNumArguments())
    return emitOpError() << "expected one name per argument (" << block.getNumArguments() << "), got "
                         << getArgNames().size();
  if (block.empty() || !isa<YieldOp>(block.back()))
    return emitOpError() << "expected a tile.yield at the end, got "
                         << (block.empty() ? "nothing" : block.back().getName().getStringRef());
  for (Operation& op : block)
    if (auto label = op.getAttrOfType<StringAttr>("label"))
      return emitOpError() << "expected one expression, got a definition of " << label;
  return success();
}

LogicalResult ForOp::verify() {
  if (getBody().getNumArguments() != 1 || !getBody().getArgument(0).getType().isIndex())
    return emitOpError() << "expected one index argument, got " << getBody().getNumArguments();
  return success();
}

LogicalResult IfOp::verify() {
  if (getMap().getNumInputs() != getOperands().size())
    return emitOpError() << "expected " << getMap().getNumInputs() << " operands, got " << getOperands().size();
  if (getMap().getNumResults() == 0)
    return emitOpError() << "expected at least one condition, got none";
  return success();
}

/// A tile in shared memory takes the rows of one head: same element, and one stage at a time.
static LogicalResult verifyCopy(Operation* op, StType destination, RowsType source) {
  if (destination.getElement() != source.getElement())
    return op->emitOpError() << "expected rows of " << destination.getElement() << ", got " << source.getElement();
  std::int64_t padded = llvm::alignTo(source.getCols(), 16);
  if (destination.getCols() != padded)
    return op->emitOpError() << "expected " << padded << " columns for rows of " << source.getCols() << ", got "
                             << destination.getCols();
  return success();
}

LogicalResult FetchOp::verify() { return verifyCopy(*this, getDestination().getType(), getSource().getType()); }

LogicalResult LoadAsyncOp::verify() {
  if (getDestination().getType().getStages() != 1)
    return emitOpError() << "expected one slot of the ring, got " << getDestination().getType();
  return verifyCopy(*this, getDestination().getType(), getSource().getType());
}

LogicalResult BlockStoreOp::verify() { return verifyCopy(*this, getSource().getType(), getDestination().getType()); }

} // namespace attune::tile
