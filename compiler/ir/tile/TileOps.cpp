// Verifiers. Each says what it expected and what it got.
#include "compiler/ir/tile/TileDialect.h"

using namespace mlir;

namespace attune::tile {

LogicalResult KernelOp::verify() {
  auto arguments = getBody().getArguments();
  if (getArgNames().size() != arguments.size())
    return emitOpError() << "expected one name per argument (" << arguments.size() << "), got " << getArgNames().size();
  for (auto argument : arguments)
    if (!isa<GlType, TensorMapType, PtrType, IndexType, Float32Type>(argument.getType()))
      return emitOpError() << "expected gl, tensor_map, ptr, index or f32 arguments, got " << argument.getType();
  if (getThreads() < 32 || getThreads() > 1024 || getThreads() % 32)
    return emitOpError() << "expected 1 to 32 warps of 32 threads, got " << getThreads() << " threads";
  if (getGrid().size() != 3)
    return emitOpError() << "expected three grid dimensions, got " << getGrid().size();
  for (Operation& op : *getBody().begin())
    if (!isa<TileDialect>(op.getDialect()))
      return emitOpError() << "expected only tile ops, got " << op.getName();
  if (getCluster() && (*getCluster() < 2 || *getCluster() > 8 || !getWarpgroups()))
    return emitOpError() << "expected a cluster of 2 to 8 blocks with roles, got " << *getCluster();
  auto leaves = getBody().walk([](ClusterArriveOp) { return WalkResult::interrupt(); });
  if (leaves.wasInterrupted() && !isa<ClusterSyncOp>(getBody().front().back()))
    return emitOpError()
           << "expected a tile.cluster.sync at the end, for other blocks arrive at this one's barriers, got "
           << getBody().front().back().getName();
  return success();
}

LogicalResult AllocOp::verify() {
  if (getOffset() && !isa<StType, BarrierType, FlagType>(getType()))
    return emitOpError() << "expected an offset on what lies in shared memory only, got " << getType();
  std::int64_t alignment = isa<StType>(getType()) ? 128 : isa<BarrierType>(getType()) ? 8 : 4;
  if (getOffset() && *getOffset() % alignment)
    return emitOpError() << "expected an offset in multiples of " << alignment << ", got " << *getOffset();
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

LogicalResult WorkOp::verify() {
  Block& block = getBody().front();
  if (block.getNumArguments() != 1 || !block.getArgument(0).getType().isIndex())
    return emitOpError() << "expected one index argument, the round, got " << block.getNumArguments();
  auto give = block.empty() ? GiveOp() : dyn_cast<GiveOp>(block.back());
  if (!give || give.getValues().size() != getNames().size())
    return emitOpError() << "expected a tile.give of " << getNames().size() << " values at the end, got "
                         << (give ? give.getValues().size() : 0);
  return success();
}

WorkOp TakeOp::getDefinition() { return getWork().getDefiningOp<WorkOp>(); }

LogicalResult TakeOp::verify() {
  auto work = getDefinition();
  if (!work || work.getNames().size() != getNumResults())
    return emitOpError() << "expected the " << (work ? work.getNames().size() : 0) << " values of a tile.work, got "
                         << getNumResults();
  return success();
}

void TakeOp::getAsmResultNames(OpAsmSetValueNameFn set_name) {
  if (auto work = getDefinition())
    for (auto [value, name] : llvm::zip(getValues(), work.getNames().getAsRange<StringAttr>()))
      set_name(value, name);
}

LogicalResult ForOp::verify() {
  if (getBody().getNumArguments() != 1 || !getBody().getArgument(0).getType().isIndex())
    return emitOpError() << "expected one index argument, got " << getBody().getNumArguments();
  return success();
}

template <class Op>
static LogicalResult verifyConditions(Op op, ValueRange operands) {
  if (op.getMap().getNumInputs() != operands.size())
    return op.emitOpError() << "expected " << op.getMap().getNumInputs() << " operands, got " << operands.size();
  if (op.getMap().getNumResults() == 0)
    return op.emitOpError() << "expected at least one condition, got none";
  return success();
}
LogicalResult IfOp::verify() { return verifyConditions(*this, getOperands()); }

LogicalResult SelectOp::verify() { return verifyConditions(*this, getInputs()); }

/// A tile in shared memory takes the rows of one head: same element, and one stage at a time. Its columns are padded to
/// a k step of 16 or, where TMA copies, to a box of 32.
static LogicalResult verifyCopy(Operation* op, StType destination, RowsType source) {
  if (destination.getElement() != source.getElement())
    return op->emitOpError() << "expected rows of " << destination.getElement() << ", got " << source.getElement();
  auto padded = [&](unsigned to) { return std::int64_t(llvm::alignTo(source.getCols(), to)); };
  if (destination.getCols() != padded(16) && destination.getCols() != padded(32))
    return op->emitOpError() << "expected " << padded(16) << " or " << padded(32) << " columns for rows of "
                             << source.getCols() << ", got " << destination.getCols();
  return success();
}

LogicalResult FetchOp::verify() { return verifyCopy(*this, getDestination().getType(), getSource().getType()); }

LogicalResult LoadAsyncOp::verify() {
  if (getDestination().getType().getStages() != 1)
    return emitOpError() << "expected one slot of the ring, got " << getDestination().getType();
  return verifyCopy(*this, getDestination().getType(), getSource().getType());
}

LogicalResult BlockStoreOp::verify() { return verifyCopy(*this, getSource().getType(), getDestination().getType()); }

/// A box has the rows that one block copies.
template <class Op>
static LogicalResult verifyBulkCopy(Op op, std::int64_t blocks) {
  auto tile = op.getDestination().getType();
  if (tile.getStages() != 1 || op.getFull().getType().getStages() != 1)
    return op.emitOpError() << "expected one slot of each ring, got " << tile << " and " << op.getFull().getType();
  Operation* view = op.getSource().getDefiningOp();
  auto map = view ? dyn_cast<TensorMapType>(view->getOperand(0).getType()) : TensorMapType();
  if (map && map.getBoxRows() * blocks != tile.getRows())
    return op.emitOpError() << "expected boxes of " << tile.getRows() << " / " << blocks << " rows, got "
                            << map.getBoxRows();
  return verifyCopy(op, tile, op.getSource().getType());
}
/// What is said to all blocks of the cluster is said to as many as it has.
template <class Op>
static LogicalResult verifyBlocks(Op op) {
  auto kernel = op->template getParentOfType<KernelOp>();
  auto cluster = kernel ? kernel.getCluster().value_or(1) : op.getBlocks();
  if (op.getBlocks() != cluster)
    return op.emitOpError() << "expected the " << cluster << " blocks of the kernel's cluster, got " << op.getBlocks();
  return success();
}
LogicalResult TmaLoadAsyncOp::verify() { return verifyBulkCopy(*this, 1); }
LogicalResult TmaMulticastAsyncOp::verify() {
  return failed(verifyBlocks(*this)) ? failure() : verifyBulkCopy(*this, std::int64_t(getBlocks()));
}
LogicalResult ClusterArriveOp::verify() { return verifyBlocks(*this); }
LogicalResult WarpgroupLoadOp::verify() { return verifyCopy(*this, getDestination().getType(), getSource().getType()); }
LogicalResult WarpgroupStoreAsyncOp::verify() {
  return verifyCopy(*this, getSource().getType(), getDestination().getType());
}
LogicalResult WarpgroupStoreOp::verify() {
  return verifyCopy(*this, getSource().getType(), getDestination().getType());
}

} // namespace attune::tile
