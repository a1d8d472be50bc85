// One piece of work becomes all of a block's: what a piece is turns into a function of the round, and what the producer
// does, and what the consumers do, into a loop over rounds each.
#include "compiler/passes/TileBuilder.h"
#include "compiler/passes/TilePasses.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace attune::tile {

#define GEN_PASS_DEF_PERSIST
#include "compiler/passes/TilePasses.h.inc"

namespace {

StringAttr labelOf(Operation* op) { return op->getAttrOfType<StringAttr>("label"); }

class Persist {
public:
  explicit Persist(KernelOp kernel) : kernel_(kernel), builder_(kernel.getLoc(), kernel.getContext()) {}

  LogicalResult run();

private:
  /// Differs from piece to piece.
  bool ofPiece(Operation* op);
  /// A number of a piece, which `work` computes.
  bool isScalar(Operation* op) { return scalars_.contains(op); }
  void need(Value value);
  void collect();
  void makeWork();
  void repeat(Block& block, Block::iterator begin, Block::iterator end);

  KernelOp kernel_;
  TileBuilder builder_;
  RoundOp round_;
  RoleOp producer_;
  WorkOp work_;
  Value pieces_;
  DenseMap<Operation*, bool> of_piece_;
  SmallVector<Operation*> setup_; ///< of the kernel, ahead of the roles
  DenseSet<Operation*> scalars_;  ///< of those
  SmallVector<Operation*> views_; ///< of the producer
  llvm::SetVector<Value> fields_;
};

bool Persist::ofPiece(Operation* op) {
  if (!op)
    return false;
  if (auto known = of_piece_.find(op); known != of_piece_.end())
    return known->second;
  bool result = isa<RoundOp>(op);
  op->walk([&](Operation* inner) {
    for (Value operand : inner->getOperands())
      result |= operand.getDefiningOp() != inner && ofPiece(operand.getDefiningOp());
  });
  return of_piece_[op] = result;
}

/// What a piece must say of itself, so that `value` can be had.
void Persist::need(Value value) {
  Operation* op = value.getDefiningOp();
  if (!op || !isScalar(op))
    return;
  if (labelOf(op))
    fields_.insert(value);
  else
    for (Value operand : op->getOperands())
      need(operand);
}

void Persist::collect() {
  for (Operation& op : kernel_.getBody().front()) {
    if (&op == producer_)
      break;
    setup_.push_back(&op);
    if (ofPiece(&op) && isa<IndexOp, ElementOp, PieceTileOp, PieceHeadOp, WarpUniformOp>(op) &&
        op.getResult(0).getType().isIndex())
      scalars_.insert(&op);
  }
  for (Operation& op : producer_.getBody().front())
    if (ofPiece(&op) && op.getNumResults() == 1)
      views_.push_back(&op);
  llvm::SetVector<Value> used;
  kernel_.walk([&](Operation* op) {
    if (!isScalar(op))
      for (Value operand : op->getOperands())
        need(operand);
  });
  for (Operation* op : setup_) // in the order in which they are computed
    for (Value result : op->getResults())
      if (fields_.contains(result))
        used.insert(result);
  fields_ = std::move(used);
}

void Persist::makeWork() {
  Operation* last = round_;
  for (Operation* op : setup_)
    if (isScalar(op))
      last = op;
  builder_.setInsertionPointAfter(last);
  builder_.section();
  auto names = llvm::map_to_vector(fields_, [](Value value) -> Attribute { return labelOf(value.getDefiningOp()); });
  work_ = builder_.create<WorkOp>(LambdaType::get(kernel_.getContext()), builder_.label("work"),
                                  builder_.getArrayAttr(names));
  Operation* next = work_->getNextNode();
  if (!isa<SectionOp>(next))
    builder_.section();
  Block* body = builder_.createBlock(&work_.getBody());
  Value round = body->addArgument(builder_.getIndexType(), builder_.getLoc());
  SectionOp section;
  for (Operation* op : setup_) {
    if (auto text = dyn_cast<SectionOp>(op)) {
      section = text;
      continue;
    }
    if (isScalar(op)) {
      if (section)
        section->moveBefore(body, body->end());
      op->moveBefore(body, body->end());
    }
    section = {};
  }
  round_.getResult().replaceUsesWithIf(round, [&](OpOperand& use) { return work_->isAncestor(use.getOwner()); });
  builder_.setInsertionPointToEnd(body);
  builder_.create<GiveOp>(fields_.getArrayRef());
}

/// The ops [begin, end) once for each of this block's pieces.
void Persist::repeat(Block& block, Block::iterator begin, Block::iterator end) {
  builder_.setInsertionPoint(&block, begin);
  Value zero = builder_.index("", AffineMap::getConstantMap(0, kernel_.getContext()), Reduce::Only, {});
  auto loop = builder_.create<ForOp>(zero, builder_.create<RoundsOp>(builder_.getIndexType(), pieces_),
                                     builder_.getStringAttr("round"), builder_.getUnitAttr());
  Block* body = builder_.createBlock(&loop.getBody());
  body->addArgument(builder_.getIndexType(), builder_.getLoc());
  body->getOperations().splice(body->end(), block.getOperations(), begin, end);

  builder_.setInsertionPointToStart(body);
  SmallVector<Type> types(fields_.size(), builder_.getIndexType());
  auto take = builder_.create<TakeOp>(types, work_, loop.getTile());
  IRMapping own; // of this loop
  own.map(round_.getResult(), loop.getTile());
  own.map(work_.getBody().getArgument(0), loop.getTile());
  for (auto [field, value] : llvm::zip(fields_, take.getValues()))
    own.map(field, value);

  std::function<Value(Value)> local = [&](Value value) -> Value {
    Operation* op = value.getDefiningOp();
    if (own.contains(value) || !op || loop->isAncestor(op) || !ofPiece(op))
      return own.lookupOrDefault(value);
    op->walk([&](Operation* inner) {
      for (Value operand : inner->getOperands())
        if (ofPiece(operand.getDefiningOp()) && !op->isProperAncestor(operand.getDefiningOp()))
          own.map(operand, local(operand));
    });
    return builder_.clone(*op, own)->getResult(0);
  };

  for (Operation* op : setup_) // a piece without rows
    if (auto branch = dyn_cast<IfOp>(op); branch && ofPiece(op)) {
      for (Value operand : op->getOperands())
        local(operand);
      auto skip = cast<IfOp>(builder_.clone(*op, own));
      for (auto leave : llvm::make_early_inc_range(skip.getBody().getOps<ReturnOp>())) {
        OpBuilder inside(leave);
        ContinueOp::create(inside, leave.getLoc());
        leave.erase();
      }
    }
  Operation* first = &*builder_.getInsertionPoint();
  DenseSet<Operation*> needed;
  std::function<void(Operation*)> mark = [&](Operation* op) {
    op->walk([&](Operation* inner) {
      for (Value operand : inner->getOperands())
        if (Operation* source = operand.getDefiningOp(); source && !own.contains(operand) &&
                                                         !loop->isAncestor(source) && ofPiece(source) &&
                                                         needed.insert(source).second)
          mark(source);
    });
  };
  for (auto it = Block::iterator(first); it != body->end(); ++it)
    mark(&*it);
  for (Operation* op : llvm::concat<Operation*>(setup_, views_)) // in the order in which they were defined
    if (needed.contains(op) && !isScalar(op))
      local(op->getResult(0));
  for (auto it = Block::iterator(first); it != body->end(); ++it)
    it->walk([&](Operation* op) {
      for (OpOperand& operand : op->getOpOperands())
        operand.set(local(operand.get()));
    });
}

LogicalResult Persist::run() {
  Block& top = kernel_.getBody().front();
  for (auto round : top.getOps<RoundOp>())
    round_ = round;
  for (auto role : top.getOps<RoleOp>())
    producer_ = role;
  for (auto pieces : top.getOps<PiecesOp>())
    pieces_ = pieces;
  if (!round_)
    return success();
  if (!producer_ || !pieces_)
    return kernel_.emitError() << "expected a kernel with roles and pieces around tile.round";
  emitRemark(kernel_.getLoc())
      << "tile-persist: a block stays for a piece of each round, dealt by arithmetic; heads in "
         "sections that fit the L2 cache, the longest rows first in the last of them";
  collect();
  makeWork();
  Block& body = producer_.getBody().front();
  auto roles = body.getOps<RoleOp>();
  repeat(body, Block::iterator(*roles.begin()), std::prev(body.end())); // ahead of the return

  // Registers are declared ahead of the consumers' loop, and turns begin there; the last copies are waited for behind
  // it.
  auto begin = std::next(Block::iterator(producer_));
  while (isa<IncreaseRegistersOp, AllocOp, SectionOp>(*begin))
    ++begin;
  for (auto turns : llvm::make_early_inc_range(top.getOps<BeginTurnsOp>()))
    turns->moveBefore(&*begin);
  builder_.setInsertionPoint(&*begin);
  builder_.section();
  repeat(top, begin, isa<WarpgroupWaitForStoreOp>(top.back()) ? std::prev(top.end()) : top.end());

  auto drop = [&](Block& block) {
    for (Operation& op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (!isa<RoleOp, ForOp, WorkOp>(op) && ofPiece(&op))
        op.erase();
  };
  drop(producer_.getBody().front());
  drop(top);
  return success();
}

struct PersistPass : impl::PersistBase<PersistPass> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    if (failed(Persist(kernel).run()))
      return signalPassFailure();
    kernel->removeAttr("persistent");
  }
};

} // namespace
} // namespace attune::tile
