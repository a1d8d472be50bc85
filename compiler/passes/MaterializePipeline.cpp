// The software pipeline of KERNEL: groups of copies in the order in which the loops need them, issued L ahead.
#include "compiler/passes/TilePasses.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace attune::tile {

#define GEN_PASS_DEF_MATERIALIZEPIPELINE
#include "compiler/passes/TilePasses.h.inc"

namespace {

/// The fetches of one visit of a tile, in order. Every loop has the same.
using Body = SmallVector<FetchOp>;

/// Is it an expression of the loop's tile, and of nothing else that the loop computes?
bool ofTile(Value value, ForOp loop) {
  if (value == loop.getTile() || value.getParentRegion() != &loop.getBody())
    return true;
  Operation* op = value.getDefiningOp();
  return isa_and_nonnull<IndexOp, ApplyOp>(op) &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return ofTile(operand, loop); });
}

/// Writes an expression of the loop's tile again, for another tile.
Value ofOther(Value value, ForOp loop, Value tile, OpBuilder& builder) {
  if (value == loop.getTile())
    return tile;
  if (value.getParentRegion() != &loop.getBody())
    return value;
  IRMapping others;
  for (Value operand : value.getDefiningOp()->getOperands())
    others.map(operand, ofOther(operand, loop, tile, builder));
  return builder.clone(*value.getDefiningOp(), others)->getResult(0);
}

Body fetches(ForOp loop) { return llvm::to_vector(loop.getBody().front().getOps<FetchOp>()); }

class Materialize {
public:
  Materialize(KernelOp kernel, std::int64_t stages) : kernel_(kernel), stages_(stages), builder_(kernel.getContext()) {}

  LogicalResult run();

private:
  LogicalResult collect();
  void makeRings();
  void prologue();
  void steadyState(ForOp loop, bool explain);
  void drain();

  /// The copy of fetch `model` for tile `tile`, in its slot, guarded by `first_tile <= tile` unless `certain`.
  void issue(FetchOp model, Value tile, bool certain, bool limited);
  Value offset(Value tile, std::int64_t distance);
  Value slot(Value tiles, Value tile);

  KernelOp kernel_;
  std::int64_t stages_;
  OpBuilder builder_;
  SmallVector<ForOp> loops_;
  Value begin_, end_, ring_;
  bool some_ = false; ///< the kernel has returned if no tile is visited
};

/// `if (begin >= end) return;` before the loops.
bool returnsWithout(KernelOp kernel, Value begin, Value end) {
  auto difference = getAffineDimExpr(0, kernel.getContext()) - getAffineDimExpr(1, kernel.getContext());
  return llvm::any_of(kernel.getBody().getOps<IfOp>(), [&](IfOp branch) {
    return branch.getMap().getResult(0) == difference && branch.getOperands() == ValueRange{begin, end} &&
           !branch.getBody().getOps<ReturnOp>().empty();
  });
}

LogicalResult Materialize::collect() {
  for (auto loop : kernel_.getBody().getOps<ForOp>())
    if (auto body = fetches(loop); !body.empty()) {
      if (!loops_.empty() &&
          (fetches(loops_.front()).size() != body.size() || loops_.back().getBegin() != loop.getEnd()))
        return loop.emitError("expected loops that go on where the one before stops, with the same fetches");
      if (loop.getAscending())
        return loop.emitError("expected loops that count down");
      for (auto fetch : body)
        if (fetch.getFirst().getParentRegion() != &loop.getBody() || !ofTile(fetch.getFirst(), loop))
          return fetch.emitError("expected rows that are an expression of the loop's tile");
      loops_.push_back(loop);
    }
  return success();
}

Value Materialize::offset(Value tile, std::int64_t distance) {
  if (distance == 0)
    return tile;
  auto map = AffineMap::get(1, 0, builder_.getAffineDimExpr(0) - distance);
  return IndexOp::create(builder_, kernel_.getLoc(), builder_.getIndexType(), StringAttr(), map, Reduce::Only, tile);
}

Value Materialize::slot(Value tiles, Value tile) {
  if (stages_ == 1)
    return tiles;
  auto type = cast<StType>(tiles.getType());
  auto one = StType::get(type.getContext(), type.getRows(), type.getCols(), type.getElement(), 1);
  return SlotOp::create(builder_, kernel_.getLoc(), one, tiles, ring_, tile);
}

void Materialize::makeRings() {
  if (stages_ == 1)
    return;
  builder_.setInsertionPoint(loops_.front());
  for (auto fetch : fetches(loops_.front())) {
    auto tiles = fetch.getDestination();
    auto type = tiles.getType();
    tiles.setType(StType::get(type.getContext(), type.getRows(), type.getCols(), type.getElement(), stages_));
    for (auto& use : llvm::make_early_inc_range(tiles.getUses())) {
      auto loop = use.getOwner()->getParentOfType<ForOp>();
      if (!loop || isa<FetchOp>(use.getOwner()))
        continue;
      builder_.setInsertionPoint(use.getOwner());
      auto one = StType::get(type.getContext(), type.getRows(), type.getCols(), type.getElement(), 1);
      use.set(SlotOp::create(builder_, kernel_.getLoc(), one, tiles, ring_, loop.getTile()));
    }
  }
}

void Materialize::issue(FetchOp model, Value tile, bool certain, bool limited) {
  Location loc = model.getLoc();
  OpBuilder::InsertionGuard guard(builder_);
  if (!certain) { // tile >= begin
    auto distance = builder_.getAffineDimExpr(0) - builder_.getAffineDimExpr(1);
    SmallVector<Value> operands{tile, begin_};
    if (auto index = tile.getDefiningOp<IndexOp>();
        index && !index.getLabel()) { // the guard is about j, not about j - 1
      auto shift = index.getMap().getResult(0);
      distance = shift - builder_.getAffineDimExpr(1);
      operands[0] = index.getOperands().front();
    }
    auto branch = IfOp::create(builder_, loc, AffineMap::get(2, 0, distance), operands);
    builder_.setInsertionPointToStart(&branch.getBody().emplaceBlock());
  }
  Value first = ofOther(model.getFirst(), model->getParentOfType<ForOp>(), tile, builder_);
  LoadAsyncOp::create(builder_, loc, slot(model.getDestination(), tile), model.getSource(), first,
                      limited ? model.getLimit() : Value());
}

void Materialize::prologue() {
  // The first tile that is visited may lie in any loop, for some may be empty: if one has a limit, so has it.
  auto models = fetches(loops_.front());
  for (auto loop : loops_)
    for (auto [model, fetch] : llvm::zip(models, fetches(loop)))
      if (!model.getLimit())
        model = fetch;
  auto ahead = std::int64_t(models.size()) * stages_ - 1;
  for (auto fetch : llvm::make_early_inc_range(kernel_.getBody().getOps<FetchOp>())) {
    builder_.setInsertionPoint(fetch); // in place, in the first group
    auto load = LoadAsyncOp::create(builder_, fetch.getLoc(), fetch.getDestination(), fetch.getSource(),
                                    fetch.getFirst(), fetch.getLimit());
    fetch.erase();
    builder_.setInsertionPointAfter(load);
  }
  for (std::int64_t group = 0; group < ahead; ++group) {
    auto distance = group / std::int64_t(models.size());
    issue(models[group % models.size()], offset(end_, distance + 1), /*certain=*/some_ && distance == 0,
          /*limited=*/distance == 0);
    CommitOp::create(builder_, kernel_.getLoc());
  }
}

void Materialize::steadyState(ForOp loop, bool explain) {
  auto body = fetches(loop);
  auto count = std::int64_t(body.size()), ahead = count * stages_ - 1;
  for (auto [n, fetch] : llvm::enumerate(body)) {
    Location loc = fetch.getLoc();
    builder_.setInsertionPoint(fetch);
    auto wait = WaitOp::create(builder_, loc, ahead - 1);
    if (explain) {
      auto before = body[(n + count - 1) % count].getWhat();
      auto note = fetch.getWhat() + "(j) is there, " + before + (n == 0 ? "(j + 1)" : "(j)") + " is used up";
      wait->setAttr("note", builder_.getStringAttr(note));
    }
    if (Value found = fetch.getFound())
      BlockMakeFiniteOp::create(builder_, loc, slot(fetch.getDestination(), loop.getTile()), found);
    SyncOp::create(builder_, loc);
    auto next = std::int64_t(n) + ahead, distance = next / count;
    issue(body[next % count], offset(loop.getTile(), distance), /*certain=*/distance == 0, /*limited=*/distance == 0);
    CommitOp::create(builder_, loc);
  }
  for (auto fetch : body)
    fetch.erase();
}

/// If the loops ran at all, the groups left are empty; if not, the prologue's copy of Q may still be under way.
void Materialize::drain() {
  for (Operation* op = loops_.back()->getNextNode(); op; op = op->getNextNode())
    if (isa<SyncOp>(op)) {
      builder_.setInsertionPoint(op);
      WaitOp::create(builder_, op->getLoc(), 0);
      return;
    }
  builder_.setInsertionPointAfter(loops_.back());
  WaitOp::create(builder_, kernel_.getLoc(), 0);
}

LogicalResult Materialize::run() {
  if (failed(collect()) || loops_.empty())
    return success(loops_.empty());
  begin_ = loops_.back().getBegin();
  end_ = loops_.front().getEnd();
  some_ = returnsWithout(kernel_, begin_, end_);
  auto before = kernel_.getBody().getOps<FetchOp>(); // of the loops: Q
  builder_.setInsertionPoint(before.empty() ? loops_.front() : (*before.begin()).getOperation());
  if (stages_ > 1) {
    ring_ = RingOp::create(builder_, kernel_.getLoc(), RingType::get(kernel_.getContext(), stages_),
                           builder_.getStringAttr("ring"), offset(end_, 1), begin_);
  }
  makeRings();
  prologue();
  for (auto [i, loop] : llvm::enumerate(loops_))
    steadyState(loop, /*explain=*/i == 0);
  drain();
  return success();
}

struct MaterializePipelinePass : impl::MaterializePipelineBase<MaterializePipelinePass> {
  void runOnOperation() override {
    if (getOperation().getWarpgroups())
      return; // tile-specialize-warps
    auto stages = getOperation()->getAttrOfType<IntegerAttr>("stages");
    if (failed(Materialize(getOperation(), stages ? stages.getInt() : 1).run()))
      return signalPassFailure();
    getOperation()->removeAttr("stages");
  }
};

} // namespace
} // namespace attune::tile
