// Verifiers of rings. Each says what it expected and what it got.
#include "compiler/ir/tile/TileDialect.h"

using namespace mlir;

namespace attune::tile {

std::int64_t stagesOf(Type type) {
  auto tiles = dyn_cast<StType>(type);
  return tiles ? tiles.getStages() : cast<BarrierType>(type).getStages();
}

Type withStages(Type type, std::int64_t stages) {
  if (auto tiles = dyn_cast<StType>(type))
    return StType::get(type.getContext(), tiles.getRows(), tiles.getCols(), tiles.getElement(), stages);
  return BarrierType::get(type.getContext(), stages);
}

LogicalResult PhaseOp::verify() {
  if (getAhead() > 1)
    return emitOpError() << "expected the tile at hand or 1, the next, got " << std::int64_t(getAhead());
  return success();
}

LogicalResult SlotOp::verify() {
  auto stages = stagesOf(getTiles().getType());
  if (stages != getRing().getType().getStages())
    return emitOpError() << "expected a ring of " << stages << " stages, got " << getRing().getType().getStages();
  Type expected = withStages(getTiles().getType(), 1);
  if (getType() != expected)
    return emitOpError() << "expected one stage, " << expected << ", got " << getType();
  const auto ahead = std::int64_t(getAhead());
  if (ahead < -1 || ahead > stages)
    return emitOpError() << "expected a tile from the one before to " << stages << " ahead, got " << ahead;
  return success();
}

namespace {

using Uses = SmallPtrSet<Operation*, 8>;

/// Who prints a value: of a user that is text without a name itself, such as a select, the users.
void collectUses(Operation* op, Uses& uses) {
  for (Operation* user : op->getUsers())
    if (user->getNumResults() == 1 && !user->getAttr("label"))
      collectUses(user, uses);
    else
      uses.insert(user);
}

bool advances(Operation& op, Value ring) {
  auto found = op.walk(
      [&](AdvanceOp advance) { return advance.getRing() == ring ? WalkResult::interrupt() : WalkResult::advance(); });
  return found.wasInterrupted();
}

/// The first of `uses` that may run behind an advance of the ring, or none. `behind`: one may have run already.
Operation* findBehind(llvm::iterator_range<Block::iterator> ops, Value ring, const Uses& uses, bool& behind) {
  for (Operation& op : ops) {
    behind |= isa<ForOp>(op) && advances(op, ring); // on the next visit
    if (behind && uses.contains(&op))
      return &op;
    if (auto advance = dyn_cast<AdvanceOp>(op))
      behind |= advance.getRing() == ring;
    for (Region& region : op.getRegions())
      for (Block& block : region) {
        bool behind_there = behind;
        if (Operation* use = findBehind(block, ring, uses, behind_there))
          return use;
        if (block.empty() || !isa<ReturnOp, ContinueOp>(block.back())) // else its threads do not come to what follows
          behind = behind_there;
      }
  }
  return nullptr;
}

/// A slot or phase is text that its users print, so it means where the ring is there: no user may be behind an advance.
LogicalResult verifyUsesAheadOfAdvance(Operation* op, Value ring) {
  Uses uses;
  collectUses(op, uses);
  bool behind = false;
  if (Operation* use = findBehind({std::next(op->getIterator()), op->getBlock()->end()}, ring, uses, behind))
    return op->emitOpError() << "expected its uses ahead of the next tile.advance of the ring, got one behind it: "
                             << use->getName();
  return success();
}

} // namespace

LogicalResult KernelOp::verifyRegions() {
  auto stale = getBody().walk([](Operation* op) {
    auto slot = dyn_cast<SlotOp>(op);
    auto phase = dyn_cast<PhaseOp>(op);
    return (slot && failed(verifyUsesAheadOfAdvance(op, slot.getRing()))) ||
                   (phase && failed(verifyUsesAheadOfAdvance(op, phase.getRing())))
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return failure(stale.wasInterrupted());
}

} // namespace attune::tile
