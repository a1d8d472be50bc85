// The software pipeline of KERNEL: groups of copies in the order in which the loops need them, issued L ahead.
#include "compiler/passes/TileBuilder.h"
#include "compiler/passes/TilePasses.h"

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

Body fetches(ForOp loop) { return llvm::to_vector(loop.getBody().front().getOps<FetchOp>()); }

class Materialize {
public:
  Materialize(KernelOp kernel, std::int64_t stages)
      : kernel_(kernel), stages_(stages), builder_(kernel.getLoc(), kernel.getContext()) {}

  LogicalResult run();

private:
  LogicalResult collect();
  void makeRings();
  void prologue();
  void steadyState(ForOp loop, bool explain);
  void drain();

  /// The copy of fetch `model` for tile `tile`, in the slot `ahead` tiles on, guarded by `first_tile <= tile` unless
  /// `certain`.
  void issue(FetchOp model, Value tile, std::int64_t ahead, bool certain, bool limited);
  Value offset(Value tile, std::int64_t distance);
  Value slot(Value tiles, std::int64_t ahead = 0) { return ring_ ? builder_.slot(tiles, ring_, ahead) : tiles; }

  KernelOp kernel_;
  std::int64_t stages_;
  TileBuilder builder_;
  SmallVector<ForOp> loops_;
  Value begin_, end_, ring_;
  bool some_ = false; ///< the kernel has returned if no tile is visited
};

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
  return distance == 0 ? tile : builder_.index("", builder_.d(0) - distance, tile);
}

void Materialize::makeRings() {
  if (stages_ == 1)
    return;
  ring_ = builder_.ring("ring", stages_);
  OpBuilder::InsertionGuard guard(builder_);
  for (auto fetch : fetches(loops_.front())) {
    Value tiles = fetch.getDestination();
    tiles.setType(withStages(tiles.getType(), stages_));
    for (auto& use : llvm::make_early_inc_range(tiles.getUses())) {
      auto loop = use.getOwner()->getParentOfType<ForOp>();
      if (!loop || isa<FetchOp>(use.getOwner()))
        continue;
      builder_.setInsertionPoint(use.getOwner());
      use.set(slot(tiles));
    }
  }
}

void Materialize::issue(FetchOp model, Value tile, std::int64_t ahead, bool certain, bool limited) {
  OpBuilder::InsertionGuard guard(builder_);
  if (!certain) { // tile >= begin
    auto distance = builder_.d(0) - builder_.d(1);
    SmallVector<Value> operands{tile, begin_};
    if (auto index = tile.getDefiningOp<IndexOp>();
        index && !index.getLabel()) { // the guard is about j, not about j - 1
      auto shift = index.getMap().getResult(0);
      distance = shift - builder_.d(1);
      operands[0] = index.getOperands().front();
    }
    auto branch = builder_.create<IfOp>(AffineMap::get(2, 0, distance), operands);
    builder_.setInsertionPointToStart(&branch.getBody().emplaceBlock());
  }
  Value first = builder_.at(model.getFirst(), model->getParentOfType<ForOp>(), tile);
  builder_.create<LoadAsyncOp>(slot(model.getDestination(), ahead), model.getSource(), first,
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
    auto load =
        builder_.create<LoadAsyncOp>(fetch.getDestination(), fetch.getSource(), fetch.getFirst(), fetch.getLimit());
    fetch.erase();
    builder_.setInsertionPointAfter(load);
  }
  for (std::int64_t group = 0; group < ahead; ++group) {
    auto distance = group / std::int64_t(models.size());
    issue(models[group % models.size()], offset(end_, distance + 1), distance, /*certain=*/some_ && distance == 0,
          /*limited=*/distance == 0);
    builder_.create<CommitOp>();
  }
}

void Materialize::steadyState(ForOp loop, bool explain) {
  auto body = fetches(loop);
  auto count = std::int64_t(body.size()), ahead = count * stages_ - 1;
  for (auto [n, fetch] : llvm::enumerate(body)) {
    builder_.setInsertionPoint(fetch);
    auto wait = builder_.create<WaitOp>(ahead - 1);
    if (explain) {
      auto before = body[(n + count - 1) % count].getWhat();
      auto note = fetch.getWhat() + "(j) is there, " + before + (n == 0 ? "(j + 1)" : "(j)") + " is used up";
      wait->setAttr("note", builder_.getStringAttr(note));
    }
    if (Value found = fetch.getFound())
      builder_.create<BlockMakeFiniteOp>(slot(fetch.getDestination()), found);
    builder_.create<SyncOp>();
    auto next = std::int64_t(n) + ahead, distance = next / count;
    issue(body[next % count], offset(loop.getTile(), distance), distance, /*certain=*/distance == 0,
          /*limited=*/distance == 0);
    builder_.create<CommitOp>();
  }
  for (auto fetch : body)
    fetch.erase();
  if (ring_) {
    builder_.setInsertionPointToEnd(&loop.getBody().front());
    builder_.create<AdvanceOp>(ring_);
  }
}

/// If the loops ran at all, the groups left are empty; if not, the prologue's copy of Q may still be under way.
void Materialize::drain() {
  for (Operation* op = loops_.back()->getNextNode(); op; op = op->getNextNode())
    if (isa<SyncOp>(op)) {
      builder_.setInsertionPoint(op);
      builder_.create<WaitOp>(0);
      return;
    }
  builder_.setInsertionPointAfter(loops_.back());
  builder_.create<WaitOp>(0);
}

LogicalResult Materialize::run() {
  if (failed(collect()) || loops_.empty())
    return success(loops_.empty());
  begin_ = loops_.back().getBegin();
  end_ = loops_.front().getEnd();
  some_ = returnsWithout(kernel_, begin_, end_);
  auto before = kernel_.getBody().getOps<FetchOp>(); // of the loops: Q
  builder_.setInsertionPoint(before.empty() ? loops_.front() : (*before.begin()).getOperation());
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
