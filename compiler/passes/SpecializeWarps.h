// What tile-specialize-warps knows of a kernel while it makes its roles: SpecializeWarps.cpp has what all share,
// SpecializeProducer.cpp the producer, SpecializeConsumers.cpp the consumers.
#pragma once

#include "attune/compiler/DefaultSchedule.h"
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
  StepOp step;
  MulRowOp rescale;
  TransposeOp transpose; ///< of V for that product; one of the two, or none
  TransposeFiniteOp transpose_finite;
  MaskOp mask; ///< none: it hides no key

  bool full() { return !mask; }
  bool checked() { return bool(v.getFound()); }
  Value transposed() { return transpose ? transpose.getVT() : transpose_finite ? transpose_finite.getVT() : Value(); }
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
  RoleRegisters registersOfRoles() {
    return roleRegisters(static_cast<int>(warpgroups_), persistent_, v_t_ != nullptr);
  }
  void explain();
  void makeBarriers();
  void makeUniform(Value bound);
  void startRings();
  void prefetchMaps();
  void initBarriers();
  void producer();
  void issue();
  void check();
  void transpose();
  void consumers();
  void startScores(std::int64_t ahead);
  void softmax(Value tile);
  struct Outside {
    AffineMap map;
    SmallVector<Value> operands;
  };
  Outside outside(Segment& full, Value tile);
  template <class Body>
  IfOp whereCut(Value tile, const Body& body);
  void clone(Operation& op, Value tile);
  void receiveQ();
  void accumulate();
  void drain();
  void leave();

  Value barriers(StringRef name) { return builder_.alloc(name, BarrierType::get(kernel_.getContext(), stages_)); }
  Value constant(std::int64_t value) {
    return builder_.index("", AffineMap::getConstantMap(value, kernel_.getContext()), Reduce::Only, {});
  }
  /// `ahead`: 0 is the tile that the role is at, 1 the next, -1 the one before.
  Value slot(Value tiles, std::int64_t ahead = 0) { return builder_.slot(tiles, ring_, ahead); }
  Value phase(Value ring, std::int64_t ahead, bool before) {
    return builder_.create<PhaseOp>(builder_.getIndexType(), ring, ahead, before);
  }
  /// Until the tile's slot is filled.
  BarWaitOp wait(Value barriers, std::int64_t ahead = 0, Value row_sum = {}) {
    return builder_.create<BarWaitOp>(slot(barriers, ahead), phase(ring_, ahead, /*before=*/false), row_sum);
  }
  void waitForCut(Value barriers) {
    builder_.create<BarWaitOp>(builder_.slot(barriers, cut_ring_), phase(cut_ring_, 0, /*before=*/false), Value());
  }
  /// Until what the slot held before has been used.
  BarWaitOp waitForRoom(Value barriers, std::int64_t ahead = 0) {
    return builder_.create<BarWaitOp>(slot(barriers, ahead), phase(ring_, ahead, /*before=*/true), Value());
  }
  /// Q is one tile per piece: its barriers have one slot.
  void waitForQ(Value barrier, bool before) {
    builder_.create<BarWaitOp>(barrier, q_ring_ ? phase(q_ring_, 0, before) : constant(0), Value());
  }
  void advance(Value ring) { builder_.create<AdvanceOp>(ring); }
  /// To all who fill the slot: a block's own producer, or those of the cluster.
  void giveBack(Value barriers, std::int64_t ahead = 0) {
    if (cluster_ > 1)
      builder_.create<ClusterArriveOp>(cluster_, slot(barriers, ahead));
    else
      builder_.create<BarArriveOp>(slot(barriers, ahead));
  }
  Value policy(bool reread) {
    auto type = PolicyType::get(kernel_.getContext());
    return reread ? Value(builder_.create<EvictLastOp>(type, StringAttr()))
                  : Value(builder_.create<EvictFirstOp>(type, StringAttr()));
  }
  Value next(Value tile, std::int64_t step) {
    return step == 0 ? tile : builder_.index("", builder_.d(0) + step, tile);
  }
  Value vBarrier(Value tile);
  IfOp branch(AffineMap conditions, ValueRange operands) {
    auto op = builder_.create<IfOp>(conditions, operands);
    op.getBody().emplaceBlock();
    return op;
  }
  /// Where the expression of the operands is not negative.
  template <class Body>
  void when(AffineExpr condition, ValueRange operands, const Body& body) {
    OpBuilder::InsertionGuard guard(builder_);
    auto map = AffineMap::get(unsigned(operands.size()), 0, condition);
    builder_.setInsertionPointToStart(&branch(map, operands).getBody().front());
    body();
  }
  template <class Body>
  void role(Role role, StringRef note, const Body& body);
  template <class Body>
  ForOp loop(Value begin, Value end, const Body& body);
  template <class Body>
  ForOp loopOverTiles(const Body& body) {
    return loop(begin_, next(last_, 1), body);
  }

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
  Value begin_, last_;
  Value ring_, cut_ring_, q_ring_; ///< of all tiles, of those that the mask cuts, of pieces
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

/// Where the tile is in none of the full segments: the innermost condition, if there are any.
template <class Body>
IfOp Specialize::whereCut(Value tile, const Body& body) {
  OpBuilder::InsertionGuard guard(builder_);
  IfOp cut;
  for (auto& segment : segments_)
    if (segment.full()) {
      auto [map, operands] = outside(segment, tile);
      cut = branch(map, operands);
      builder_.setInsertionPointToStart(&cut.getBody().front());
    }
  body();
  return cut;
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
