// The roles of a kernel for wgmma and TMA (FlashAttention-3, sections 3.1 and 3.2). A producer copies K and V into
// rings and, where the mask hides keys, makes V finite, or transposes it; warpgroups consume them.
#include "compiler/passes/TileBuilder.h"
#include "compiler/passes/TilePasses.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace attune::tile {

#define GEN_PASS_DEF_SPECIALIZEWARPS
#include "compiler/passes/TilePasses.h.inc"

namespace {

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
  bool full = true;   ///< the mask hides no key
  Value ring, landed; ///< if V is looked at: it is there, and may hold what is not finite

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
  void products(Segment segment, Value tile, bool beside);
  void accumulate(Value tile);
  void accumulated(Value tile);
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
  /// Where a loop over segment `i` ends that leaves out the very first tile of all, and `more` = 1: that does not.
  Value loopEnd(std::size_t i, std::int64_t more);
  Value slot(Value tiles, Value tile, Value ring = {}) {
    return builder_.create<SlotOp>(withStages(tiles.getType(), 1), tiles, ring ? ring : ring_, tile);
  }
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
  /// `value` of the loop's body, where its tile is `tile`.
  Value at(Value value, ForOp loop, Value tile);
  Value vFull(Value tile);
  /// Runs the body where the expression of two operands is not negative.
  template <class Body>
  IfOp when(AffineExpr condition, std::array<Value, 2> operands, const Body& body);
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
  Value begin_, end_, last_, cut_begin_, ring_, q_ring_;
  Value q_full_, q_empty_, k_full_, k_empty_, v_full_, v_empty_, v_landed_;
};

LogicalResult Specialize::collect() {
  for (auto fetch : kernel_.getBody().getOps<FetchOp>())
    q_ = fetch, q_map_ = isa<TensorMapType>(fetch.getSource().getDefiningOp()->getOperand(0).getType());
  for (auto loop : kernel_.getBody().getOps<ForOp>()) {
    Segment segment{.loop = loop};
    auto fetches = llvm::to_vector(loop.getBody().front().getOps<FetchOp>());
    segment.scores = Segment::find<MmABtOp>(loop);
    segment.convert = Segment::find<ConvertOp>(loop);
    segment.rescale = Segment::find<MulRowOp>(loop);
    segment.full = !Segment::find<MaskOp>(loop);
    segment.product = Segment::find<MmaABOp>(loop);
    segment.transpose = Segment::find<TransposeOp>(loop);
    segment.transpose_finite = Segment::find<TransposeFiniteOp>(loop);
    if (fetches.size() != 2 || !segment.scores || !segment.convert || !segment.rescale || !segment.product)
      return loop.emitError("expected a loop that fetches K and V and folds them");
    segment.k = fetches[0], segment.v = fetches[1];
    if (!segments_.empty() && segments_.back().loop.getBegin() != loop.getEnd())
      return loop.emitError("expected loops that go on where the one before stops");
    segments_.push_back(segment);
    v_t_ = segment.transposed();
  }
  if (!segments_.empty() && segments_.front().full)
    return segments_.front().loop.emitError(
        "expected the mask on the first loop: its first tile is visited in any case");
  return success();
}

Value Specialize::at(Value value, ForOp loop, Value tile) {
  if (value == loop.getTile())
    return tile;
  Operation* op = value.getDefiningOp();
  if (!op || !loop->isProperAncestor(op))
    return value;
  IRMapping operands;
  for (Value operand : op->getOperands())
    operands.map(operand, at(operand, loop, tile));
  return builder_.clone(*op, operands)->getResult(0);
}

template <class Body>
IfOp Specialize::when(AffineExpr condition, std::array<Value, 2> operands, const Body& body) {
  auto op = builder_.create<IfOp>(AffineMap::get(2, 0, condition), operands);
  OpBuilder::InsertionGuard guard(builder_);
  builder_.createBlock(&op.getBody());
  body();
  return op;
}

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

Value Specialize::firstTile(std::size_t i) {
  auto map = AffineMap::get(2, 0, {builder_.d(0) - 1, builder_.d(1)}, kernel_.getContext());
  return i == 0 ? last_ : builder_.index("", map, Reduce::Min, {segments_[i].loop.getEnd(), last_});
}

Value Specialize::loopEnd(std::size_t i, std::int64_t more) {
  if (i == 0)
    return next(last_, more);
  if (i == 1 && !more)
    return cut_begin_;
  auto map = AffineMap::get(2, 0, {builder_.d(0), builder_.d(1) + more}, kernel_.getContext());
  return builder_.index("", map, Reduce::Min, {segments_[i].loop.getEnd(), last_});
}

/// Shared tiles become rings, beside the barriers of their events.
void Specialize::makeRings() {
  Segment any = segments_.front();
  for (Value tiles : {Value(any.k.getDestination()), Value(any.v.getDestination()), v_t_})
    if (tiles)
      tiles.setType(withStages(tiles.getType(), stages_));
  AllocOp last;
  for (auto alloc : kernel_.getBody().getOps<AllocOp>())
    if (isa<StType>(alloc.getType()))
      last = alloc;
  builder_.setInsertionPointAfter(last);
  auto one = BarrierType::get(kernel_.getContext(), 1);
  if (q_map_)
    q_full_ = builder_.alloc("q_full", one);
  if (q_map_ && persistent_)
    q_empty_ = builder_.alloc("q_empty", one);
  k_full_ = barriers("k_full"), k_empty_ = barriers("k_empty");
  if (v_t_) {
    v_landed_ = barriers("v_landed");
    v_landed_.getDefiningOp()->setAttr("note", builder_.getStringAttr("V, before v_full: transposed"));
  }
  v_full_ = barriers("v_full"), v_empty_ = barriers("v_empty");
  for (auto [i, segment] : llvm::enumerate(segments_))
    if (segment.checked()) {
      segment.landed = barriers(i == 0 ? "v_landed" : "v_landed_left");
      if (i == 0)
        segment.landed.getDefiningOp()->setAttr(
            "note", builder_.getStringAttr("V of a tile that the mask cuts, before v_full"));
    }
}

/// kv_last and its rings. A kernel about several pieces counts the tiles of each barrier on its own: they go on.
void Specialize::countTiles() {
  begin_ = segments_.back().loop.getBegin(), end_ = segments_.front().loop.getEnd();
  auto* context = kernel_.getContext();
  last_ = builder_.index("kv_last", AffineMap::get(2, 0, {builder_.d(0) - 1, builder_.d(1)}, context), Reduce::Max,
                         {end_, begin_});
  last_.getDefiningOp()->setAttr("note", builder_.getStringAttr("visited first, even if nothing of it is visible"));
  cut_begin_ = begin_;
  if (segments_.size() > 1)
    cut_begin_ = builder_.index("cut_begin", AffineMap::get(2, 0, {builder_.d(0), builder_.d(1)}, context), Reduce::Min,
                                {segments_[1].loop.getEnd(), last_});
  if (q_map_ && persistent_)
    q_ring_ =
        builder_.create<RingOp>(RingType::get(context, 1), builder_.getStringAttr("q_ring"), constant(0), constant(0));
  ring_ = makeRing("ring", last_, begin_);
  for (auto [i, segment] : llvm::enumerate(segments_)) {
    if (!segment.checked())
      continue;
    Value begin = segment.loop.getBegin(), first = firstTile(i);
    if (i == 0)
      segment.ring =
          persistent_ ? makeRing("cut_ring", first, least(builder_.d(0), builder_.d(1) + 1, {begin, first})) : ring_;
    else
      segment.ring = makeRing("left_ring", first, least(builder_.d(0), builder_.d(1) + 1, {begin, first}));
  }
}

void Specialize::prefetchMaps() {
  SmallVector<Value> maps;
  for (auto argument : kernel_.getBody().getArguments())
    if (isa<TensorMapType>(argument.getType()))
      maps.push_back(argument);
  builder_.create<TmaPrefetchOp>(maps);
}

void Specialize::initBarriers() {
  auto init = [&](Value barriers, std::int64_t arrivals) {
    return builder_.create<BarInitOp>(barriers, constant(arrivals));
  };
  if (q_full_)
    init(q_full_, 1);
  if (q_empty_)
    init(q_empty_, warpgroups_ * 4);
  init(k_full_, 1);
  const std::string who = std::string("one arrival of each consumer warp") + (cluster_ > 1 ? " of all blocks" : "");
  init(k_empty_, warpgroups_ * 4 * cluster_)->setAttr("note", builder_.getStringAttr(who));
  if (v_t_)
    init(v_landed_, 1);
  auto full = init(v_full_, v_t_ ? transposers : 1);
  if (v_t_)
    full->setAttr("note", builder_.getStringAttr("and of each warp that transposes"));
  init(v_empty_, warpgroups_ * 4 * cluster_);
  for (auto& segment : segments_)
    if (segment.checked())
      init(segment.landed, 1);
  if (segments_.front().checked())
    builder_.create<InitFlagOp>(segments_.front().v.getFound());
  if (auto finite = segments_.front().transpose_finite)
    builder_.create<InitFlagOp>(finite.getFound());
  builder_.create<BarPublishOp>();
  if (cluster_ > 1)
    builder_.create<ClusterSyncOp>();
  else
    builder_.create<SyncOp>();
  if (llvm::is_contained(kernel_.getArgNames().getAsValueRange<StringAttr>(), "splits"))
    builder_.create<GridStartNextOp>()->setAttr(
        "note", builder_.getStringAttr("the combine kernel; it waits for this one's results"));
}

/// Who learns that V is there: the consumers, or first the checker, where the mask may hide keys, or who transposes it.
Value Specialize::vFull(Value tile) {
  if (v_t_)
    return slot(v_landed_, tile);
  Value barrier;
  for (auto& segment : llvm::reverse(segments_)) {
    Value own = segment.checked() ? slot(segment.landed, tile, segment.ring) : slot(v_full_, tile);
    if (!segments_.front().checked())
      return own;
    auto from = AffineMap::get(2, 0, builder_.d(0) - builder_.d(1));
    barrier = !barrier ? own
                       : builder_.create<SelectOp>(own.getType(), from, ValueRange{tile, segment.loop.getBegin()}, own,
                                                   barrier);
  }
  return barrier;
}

/// K one tile ahead of V: the order in which they are consumed.
void Specialize::issue() {
  Segment any = segments_.front();
  auto load = [&](FetchOp fetch, Value tile, Value full) {
    Value first = at(fetch.getFirst(), any.loop, tile);
    Value destination = slot(fetch.getDestination(), tile), keep = policy(fetch.getReread());
    if (cluster_ > 1)
      builder_.create<TmaMulticastAsyncOp>(cluster_, destination, fetch.getSource(), first, full, keep);
    else
      builder_.create<TmaLoadAsyncOp>(destination, fetch.getSource(), first, full, keep);
  };
  if (persistent_)
    wait(k_empty_, last_, ring_, /*before=*/true);
  load(any.k, last_, slot(k_full_, last_));
  if (q_empty_)
    waitForQ(q_empty_, /*before=*/true);
  if (q_map_)
    builder_.create<TmaLoadAsyncOp>(q_.getDestination(), q_.getSource(), q_.getFirst(), q_full_,
                                    policy(q_.getReread()));
  loop(begin_, next(last_, 1), [&](Value j) {
    when(builder_.d(0) - builder_.d(1) - 1, {j, begin_}, [&] {
      wait(k_empty_, next(j, -1), ring_, /*before=*/true);
      load(any.k, next(j, -1), slot(k_full_, next(j, -1)));
    });
    wait(v_t_ ? v_full_ : v_empty_, j, ring_, /*before=*/true);
    if (v_t_) // whoever has transposed it needs it no more
      builder_.getInsertionBlock()->back().setAttr("note", builder_.getStringAttr("what was here is transposed"));
    load(any.v, j, vFull(j));
  });
}

void Specialize::check() {
  for (auto [i, segment] : llvm::enumerate(segments_)) {
    if (!segment.checked())
      continue;
    loop(segment.loop.getBegin(), loopEnd(i, 1), [&](Value j) {
      wait(segment.landed, j, segment.ring);
      builder_.create<MakeFiniteOp>(slot(segment.v.getDestination(), j), segment.v.getFound());
      arrive(v_full_, j);
    });
  }
}

void Specialize::transpose() {
  for (auto [i, segment] : llvm::enumerate(segments_))
    loop(segment.loop.getBegin(), loopEnd(i, 1), [&](Value j) {
      wait(v_landed_, j);
      wait(v_empty_, j, ring_, /*before=*/true);
      Value to = slot(v_t_, j), from = slot(segment.v.getDestination(), j);
      if (segment.transpose)
        builder_.create<TransposeOp>(to, from);
      else
        builder_.create<TransposeFiniteOp>(to, from, segment.transpose_finite.getFound());
      arrive(v_full_, j);
    });
}

void Specialize::producer() {
  // Per thread: 2 warpgroups 24 + 2 x 240, 3 warpgroups 32 + 3 x 160, in all at most 65536 / 128. One has enough as it
  // is. Whoever transposes needs more than 24, and so do the divisions that say what a piece is.
  const bool busy = persistent_ || v_t_;
  const std::int64_t left = warpgroups_ == 3 ? 32 : busy ? 40 : 24, taken = warpgroups_ == 3 ? 160 : busy ? 232 : 240;
  builder_.section();
  role(Role::Producer, "", [&] {
    if (warpgroups_ > 1)
      builder_.create<DecreaseRegistersOp>(left);
    if (!segments_.empty()) {
      SmallVector<Value> sources{segments_.front().k.getSource(), segments_.front().v.getSource()};
      if (q_map_)
        sources.insert(sources.begin(), q_.getSource());
      for (Value source : sources)
        source.getDefiningOp()->moveBefore(builder_.getInsertionBlock(), builder_.getInsertionPoint());
      role(Role::Issuer, "K is one tile ahead of V, the order in which they are used", [&] { issue(); });
      if (segments_.front().checked())
        role(Role::Checker, "a hidden key weighs 0, but 0 times NaN is NaN", [&] { check(); });
      if (v_t_)
        role(Role::Transposer, "", [&] { transpose(); });
    }
    builder_.create<ReturnOp>();
  });
  if (warpgroups_ > 1)
    builder_.create<IncreaseRegistersOp>(taken);
}

/// S(tile) = Q K^T and its softmax; and P V of the tile before, beside both or ahead of them.
void Specialize::products(Segment segment, Value tile, bool beside) {
  wait(k_full_, tile);
  if (ping_pong_)
    builder_.create<TakeTurnOp>(warpgroups_);
  builder_.create<MmABtAsyncOp>(segment.scores.getResultTile(), segment.scores.getA(),
                                slot(segment.k.getDestination(), tile));
  if (beside)
    accumulate(next(tile, 1));
  if (ping_pong_)
    builder_.create<PassTurnOp>(warpgroups_);
  builder_.create<WarpgroupWaitOp>(beside ? 1 : 0, segment.scores.getResultTile());
  giveBack(k_empty_, tile);
  IRMapping operands;
  for (Operation& op : segment.loop.getBody().front())
    if (isa<ModifyOp, MaskOp, StepOp, StepMaskedOp>(op)) {
      for (Value operand : op.getOperands())
        operands.map(operand, at(operand, segment.loop, tile));
      builder_.clone(op, operands);
    }
  wait(v_full_, tile); // a loop in front of the wait for P V: ptxas moves no exponential past it
  if (beside)
    accumulated(next(tile, 1));
  builder_.clone(*segment.rescale);
  builder_.clone(*segment.convert);
}

void Specialize::accumulate(Value tile) {
  Segment any = segments_.front();
  Value out = any.rescale.getResultTile(), probs = any.convert.getResultTile();
  if (v_t_)
    builder_.create<MmaABtAsyncOp>(out, probs, slot(v_t_, tile));
  else
    builder_.create<MmaABAsyncOp>(out, probs, slot(any.v.getDestination(), tile));
}

void Specialize::accumulated(Value tile) {
  builder_.create<WarpgroupWaitOp>(0, segments_.front().rescale.getResultTile());
  giveBack(v_empty_, tile);
}

/// Every loop leaves the P V of its last tile to the next. The first loop has no P V before its first tile, and does it
/// after the others: a copy of the body for the very first tile would take longer to compile than the overlap is worth
/// in the few tiles that the mask cuts.
void Specialize::consumers() {
  builder_.setInsertionPoint(q_);
  if (q_map_) {
    waitForQ(q_full_, /*before=*/false);
  } else {
    if (persistent_)
      builder_.create<WarpgroupSyncOp>()->setAttr("note", builder_.getStringAttr("every warp is done with Q before"));
    builder_.create<WarpgroupLoadOp>(q_.getDestination(), q_.getSource(), q_.getFirst(), q_.getLimit());
  }
  if (ping_pong_)
    builder_.create<BeginTurnsOp>(warpgroups_);
  q_.erase();
  for (auto [i, segment] : llvm::enumerate(segments_)) {
    builder_.setInsertionPoint(segment.loop);
    if (i == 0) {
      loop(cut_begin_, next(last_, 1), [&](Value j) {
        products(segment, j, /*beside=*/false);
        auto more = when(builder_.d(0) - builder_.d(1) - 1, {j, cut_begin_}, [&] { accumulate(j), accumulated(j); });
        more->setAttr("note", builder_.getStringAttr("the last one's P V is left to what follows"));
      });
      continue;
    }
    if (auto section = dyn_cast_or_null<SectionOp>(segment.loop->getPrevNode()); i == 1 && overlap_ && section)
      section.setText(section.getText()->str() + ": S(j) = Q K(j)^T runs while P(j + 1) V(j + 1) accumulates");
    loop(segment.loop.getBegin(), loopEnd(i, 0), [&](Value j) {
      if (!overlap_)
        accumulate(next(j, 1)), accumulated(next(j, 1));
      products(segment, j, overlap_);
    });
  }
}

void Specialize::drain() {
  builder_.setInsertionPointAfter(segments_.back().loop);
  if (q_empty_) {
    builder_.section();
    builder_.create<BarArriveOp>(q_empty_)->setAttr("note", builder_.getStringAttr("the next piece's may come"));
  }
  builder_.section("the last P V");
  accumulate(begin_);
  if (persistent_)
    accumulated(begin_);
  else
    builder_.create<WarpgroupWaitOp>(0, segments_.front().rescale.getResultTile());
}

/// A block that has ended has no barriers, and others still arrive at them.
void Specialize::leave() {
  if (cluster_ == 1)
    return;
  builder_.setInsertionPointToEnd(&kernel_.getBody().front());
  builder_.create<ClusterSyncOp>()->setAttr("note", builder_.getStringAttr("other blocks may still arrive here"));
}

LogicalResult Specialize::run() {
  if (failed(collect()))
    return failure();
  // The consumers' part begins with the first tile in registers.
  Operation* part = nullptr;
  for (auto alloc : kernel_.getBody().getOps<AllocOp>())
    if (!part && isa<RtType>(alloc.getType()))
      part = alloc;
  if (auto section = dyn_cast<SectionOp>(part->getPrevNode()))
    part = section;
  builder_.setInsertionPoint(part);
  if (segments_.empty()) {
    producer();
    return success();
  }
  makeRings();
  builder_.setInsertionPoint(part);
  countTiles();
  builder_.section();
  prefetchMaps();
  initBarriers();
  producer();
  consumers();
  drain();
  leave();
  for (auto& segment : segments_)
    segment.loop.erase();
  return success();
}

struct SpecializeWarpsPass : impl::SpecializeWarpsBase<SpecializeWarpsPass> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    if (!kernel.getWarpgroups())
      return; // every warp copies and computes
    if (failed(Specialize(kernel).run()))
      return signalPassFailure();
    kernel->removeAttr("stages");
    kernel->removeAttr("overlap");
    kernel->removeAttr("ping_pong");
  }
};

} // namespace
} // namespace attune::tile
