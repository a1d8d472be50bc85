// What tile-specialize-warps knows of a kernel while it makes its roles: SpecializeWarps.cpp has what all share,
// SpecializeProducer.cpp the producer, SpecializeConsumers.cpp the consumers.
#pragma once

#include "compiler/passes/TileBuilder.h"
#include "compiler/passes/TilePasses.h"

namespace attune::tile {

using namespace mlir;

/// One loop over key tiles, as convert-attn-to-tile writes it.
struct Segment {
  ForOp loop;
  FetchOp k, v;
  MmABtOp scores;
  ConvertOp convert;
  MulRowOp rescale;
  Operation* product = nullptr; ///< += P V
  TransposeOp transpose;        ///< of V for that product; one of the two, or none
  TransposeFiniteOp transpose_finite;
  MaskOp mask;        ///< none: it hides no key
  Value ring, landed; ///< if V is looked at: it is there, and may hold what is not finite

  bool full() { return !mask; }
  bool checked() { return bool(v.getFound()); }
  Value transposed() { return transpose ? transpose.getVT() : transpose_finite ? transpose_finite.getVT() : Value(); }

  template <class Op>
  static Op find(ForOp loop) {
    auto found = loop.getBody().front().getOps<Op>();
    return found.empty() ? Op() : *found.begin();
  }
};

/// Warps of the producer that transpose V: all but the issuer's (templates/tile/transpose.cuh).
constexpr std::int64_t transposers = 3;

class Specialize {
public:
  explicit Specialize(KernelOp kernel)
      : kernel_(kernel), builder_(kernel.getLoc(), kernel.getContext()),
        stages_(kernel->getAttrOfType<IntegerAttr>("stages").getInt()),
        warpgroups_(std::int64_t(*kernel.getWarpgroups())), overlap_(kernel->hasAttr("overlap")),
        ping_pong_(kernel->hasAttr("ping_pong")), cluster_(std::int64_t(kernel.getCluster().value_or(1))),
        persistent_(kernel->hasAttr("persistent")) {}

  LogicalResult run();

private:
  LogicalResult collect();
  void makeRings();
  void countTiles();
  void prefetchMaps();
  void initBarriers();
  void producer();
  void issue();
  void check();
  void transpose();
  void consumers();
  void startScores(Value tile);
  void softmax(Value tile);
  void mask(Operation& op, Value tile);
  void clone(Operation& op, Value tile);
  void waitForQ();
  void accumulate(Value tile);
  void drain();
  void leave();

  Value barriers(StringRef name) { return builder_.alloc(name, BarrierType::get(kernel_.getContext(), stages_)); }
  Value makeRing(StringRef name, Value first, Value last) {
    return builder_.create<RingOp>(RingType::get(kernel_.getContext(), stages_), builder_.getStringAttr(name), first,
                                   last);
  }
  Value constant(std::int64_t value) {
    return builder_.index("", AffineMap::getConstantMap(value, kernel_.getContext()), Reduce::Only, {});
  }
  Value least(AffineExpr a, AffineExpr b, ValueRange operands) {
    return builder_.index("", AffineMap::get(2, 0, {a, b}, kernel_.getContext()), Reduce::Min, operands);
  }
  /// The first tile that segment `i` visits, if it has one.
  Value firstTile(std::size_t i);
  /// Where a loop over the tiles of segment `i` ends.
  Value loopEnd(std::size_t i);
  Value slot(Value tiles, Value tile, Value ring = {}) { return builder_.slot(tiles, ring ? ring : ring_, tile); }
  /// Q is one tile per piece: its barriers have one slot.
  void waitForQ(Value barrier, bool before) {
    Value phase =
        q_ring_ ? Value(builder_.create<PhaseOp>(builder_.getIndexType(), q_ring_, constant(0), before)) : constant(0);
    builder_.create<BarWaitOp>(barrier, phase);
  }
  void wait(Value barriers, Value tile, Value ring = {}, bool before = false) {
    Value phase = builder_.create<PhaseOp>(builder_.getIndexType(), ring ? ring : ring_, tile, before);
    builder_.create<BarWaitOp>(slot(barriers, tile, ring), phase);
  }
  void arrive(Value barriers, Value tile) { builder_.create<BarArriveOp>(slot(barriers, tile)); }
  /// To all who fill the slot: a block's own producer, or those of the cluster.
  void giveBack(Value barriers, Value tile) {
    if (cluster_ > 1)
      builder_.create<ClusterArriveOp>(cluster_, slot(barriers, tile));
    else
      arrive(barriers, tile);
  }
  Value policy(bool reread) {
    auto type = PolicyType::get(kernel_.getContext());
    return reread ? Value(builder_.create<EvictLastOp>(type, StringAttr()))
                  : Value(builder_.create<EvictFirstOp>(type, StringAttr()));
  }
  Value next(Value tile, std::int64_t step) {
    return step == 0 ? tile : builder_.index("", builder_.d(0) + step, tile);
  }
  Value vFull(Value tile);
  /// Taken where one of the expressions of the operands is not negative.
  IfOp branch(ArrayRef<AffineExpr> conditions, ValueRange operands) {
    auto map = AffineMap::get(unsigned(operands.size()), 0, conditions, kernel_.getContext());
    auto op = builder_.create<IfOp>(map, operands);
    op.getBody().emplaceBlock();
    return op;
  }
  template <class Body>
  void when(AffineExpr condition, ValueRange operands, const Body& body) {
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToStart(&branch(condition, operands).getBody().front());
    body();
  }
  template <class Body>
  void role(Role role, StringRef note, const Body& body);
  template <class Body>
  ForOp loop(Value begin, Value end, const Body& body);

  KernelOp kernel_;
  TileBuilder builder_;
  std::int64_t stages_, warpgroups_;
  bool overlap_, ping_pong_;
  std::int64_t cluster_;
  bool persistent_;
  SmallVector<Segment> segments_;
  FetchOp q_;          ///< in the kernel's body, so ahead of all loops
  bool q_map_ = false; ///< it comes by TMA
  Value v_t_;          ///< what P V reads if V is transposed
  Value begin_, end_, last_, ring_, q_ring_;
  Value q_full_, q_empty_, k_full_, k_empty_, v_full_, v_empty_, v_landed_;
};

template <class Body>
void Specialize::role(Role role, StringRef note, const Body& body) {
  auto op = builder_.create<RoleOp>(role);
  if (!note.empty())
    op->setAttr("note", builder_.getStringAttr(note));
  OpBuilder::InsertionGuard guard(builder_);
  builder_.createBlock(&op.getBody());
  body();
}

template <class Body>
ForOp Specialize::loop(Value begin, Value end, const Body& body) {
  auto op = builder_.create<ForOp>(begin, end, "j");
  OpBuilder::InsertionGuard guard(builder_);
  builder_.createBlock(&op.getBody())->addArgument(builder_.getIndexType(), builder_.getLoc());
  body(op.getTile());
  return op;
}

} // namespace attune::tile
