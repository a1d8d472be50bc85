// What is computed: the score, one loop per segment of keys, and what is stored of it.
#include "compiler/passes/ForwardKernel.h"

using namespace mlir;

namespace attune::tile {

/// The aligned position of a row's query, against which keys are measured.
Value ForwardKernel::position(Value row) {
  auto query = builder.d(0).floorDiv(plan_.rowGroup());
  if (plan_.top_left)
    return builder.index("", query, row);
  return builder.index("", query + builder.d(1) - builder.d(2), {row, sk, sq});
}

Value ForwardKernel::qHead(Value row) {
  if (!plan_.pack_gqa)
    return head_;
  return builder.index("", builder.d(0) * plan_.group() + builder.d(1) % plan_.group(), {kv_head_, row});
}

/// The score as the spec modifies it; without a modification, scale alone goes into the exponent.
void ForwardKernel::score() {
  Value scale = argument("scale"), log2e = builder.create<Log2eOp>(builder.getF32Type());
  bool alibi = plan_.alibi != attn::AlibiKind::None, plain = plan_.softcap == 0 && !alibi;
  if (plan_.quantized()) {
    auto descale = [&](StringRef name) { return builder.element("", argument(name), descale_); };
    auto mul = [&](StringRef name, Value a, Value b) -> Value {
      return builder.create<MulOp>(builder.getF32Type(), builder.label(name), a, b);
    };
    descale_ = builder.index("descale", builder.d(0) * plan_.kv_heads + builder.d(1), {batch_, kv_head_});
    descale_.getDefiningOp()->setAttr("note", builder.getStringAttr("where the factors of this kv head are"));
    scale = mul(plain ? "" : "score_scale", mul("", scale, descale("q_descale")), descale("k_descale"));
  }
  if (plain) {
    scale_log2_ = builder.create<MulOp>(builder.getF32Type(), builder.label("scale_log2"), scale, log2e);
    return;
  }
  scale_log2_ = log2e;
  auto f32 = builder.getF32Type();
  auto slope_at = [&](StringRef name, Value row) {
    Value at = qHead(row);
    if (plan_.alibi == attn::AlibiKind::PerBatchHead)
      at = builder.index("", builder.d(0) * plan_.q_heads + builder.d(1), {batch_, at});
    return builder.element(name, argument("alibi_slopes"), at);
  };
  Value slope = alibi && !plan_.pack_gqa ? slope_at("slope", {}) : Value();
  Type index = builder.getIndexType();
  score_ = builder.lambda(
      "score", {{"s", f32}, {plan_.pack_gqa ? "row" : "query", index}, {"key", KeyType::get(builder.getContext())}},
      [&](ValueRange args) {
        Value s = builder.create<MulOp>(f32, StringAttr(), args[0], scale);
        if (plan_.softcap != 0) {
          Value cap = builder.create<ConstantOp>(f32, StringAttr(), builder.getF32FloatAttr(float(plan_.softcap)));
          s = builder.create<SoftcapOp>(f32, StringAttr(), s, cap);
        }
        if (alibi) {
          Value distance = builder.create<DistanceOp>(f32, StringAttr(), position(args[1]), args[2]);
          Value bias = builder.create<MulOp>(f32, StringAttr(), slope ? slope : slope_at("", args[1]), distance);
          s = builder.create<SubOp>(f32, StringAttr(), s, bias);
        }
        return s;
      });
}

void ForwardKernel::state(Value begin, Value end, ValueRange gaps, ArrayRef<ArrayAttr> masks) {
  auto* context = builder.getContext();
  if (!gaps.empty())
    key_tile_ = builder.lambda("key_tile", {{"j", builder.getIndexType()}}, [&](ValueRange args) {
      Value tile = args[0];
      for (size_t n = 0; n < gaps.size(); n += 2) // the lower gap first: it moves those above it
        tile = builder.create<SkipOp>(builder.getIndexType(), StringAttr(), tile, gaps[n], gaps[n + 1]);
      return tile;
    });
  for (auto mask : masks)
    if (mask && !visible_.contains(mask))
      visible_[mask] = builder.create<VisibleOp>(LambdaType::get(context), builder.label("visible"), ValueRange{sq, sk},
                                                 mask, std::uint64_t(plan_.rowGroup()));
  score();
  if (plan_.split && begin) {
    builder.section("an empty chunk weighs nothing: its LSE is -inf, its O is never read");
    auto branch = builder.create<IfOp>(AffineMap::get(2, 0, builder.d(0) - builder.d(1)), ValueRange{begin, end});
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&branch.getBody());
    builder.create<StoreUnseenOp>(std::uint64_t(plan_.q_tile), partialRows("", argument("lse_partial")), row_begin,
                                  row_limit_);
    builder.create<ReturnOp>();
  }
  builder.section();
  auto rv = RvType::get(context, plan_.q_tile / plan_.warps);
  scores_ = builder.alloc("scores", rt(plan_.kv_tile, builder.getF32Type()));
  probs_ = builder.alloc("probs", rt(plan_.kv_tile, plan_.dtype));
  auto out_cols = plan_.warp_specialized ? cast<StType>(v_smem_.getType()).getCols() : plan_.head_dim_v; // N of wgmma
  out_ = builder.alloc("out", rt(out_cols, builder.getF32Type()));
  row_max_ = builder.alloc("row_max", rv);
  row_sum_ = builder.alloc("row_sum", rv);
  rescale_ = builder.alloc("rescale", rv);
  if (plan_.hides_values && !plan_.warp_specialized) { // of one thread
    v_nonfinite_ = builder.alloc("v_nonfinite", BoolType::get(context));
    v_nonfinite_.getDefiningOp()->setAttr(
        "note", builder.getStringAttr("whether V held NaN or infinity where the mask cuts: 0 times it is NaN"));
  }
  builder.create<ResetOp>(out_, row_max_, row_sum_);
  if (!begin)
    return; // no tile is visited
  builder.section();
  builder.create<FetchOp>(q_smem_, q_rows_, row_begin, row_limit_, Value(), "Q");
}

void ForwardKernel::fold(Value begin, Value end, ArrayAttr mask) {
  bool partial = mask != nullptr;
  builder.section(partial ? "tiles that the mask cuts" : "tiles where every pair is visible");
  auto loop = builder.create<ForOp>(begin, end, "j");
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&loop.getBody())->addArgument(builder.getIndexType(), builder.getLoc());
  Value tile = loop.getTile();
  if (key_tile_)
    tile = builder.create<ApplyOp>(builder.getIndexType(), key_tile_, tile);
  Value first = builder.index("", builder.d(0) * plan_.kv_tile, tile);
  Value limit = partial ? sk : Value();
  const bool reread = !plan_.split && !plan_.pack_gqa; // else one block has all queries of these keys, or most
  Value found;
  if (partial && plan_.hides_values) {
    found = v_nonfinite_;
    auto [cut, is_first] = cuts_.try_emplace(mask, Cut{begin, end}); // folds come from the last key to the first
    cut->second.begin = begin;
  }
  builder.create<FetchOp>(k_smem_, k_rows_, first, limit, Value(), "K", reread);
  if (partial && !plan_.warp_specialized)
    builder.create<MmABtRolledOp>(scores_, q_smem_, k_smem_);
  else
    builder.create<MmABtOp>(scores_, q_smem_, k_smem_);
  builder.create<FetchOp>(v_smem_, v_rows_, first, limit, found, "V", reread);
  if (score_)
    builder.create<ModifyOp>(scores_, row_begin, first, score_);
  if (partial)
    builder.create<MaskOp>(scores_, row_begin, first, visible_[mask]);
  builder.create<StepOp>(scores_, row_max_, row_sum_, rescale_, scale_log2_, weightLog2());
  builder.create<MulRowOp>(out_, out_, rescale_);
  builder.create<ConvertOp>(probs_, scores_);
  builder.create<MmaABOp>(out_, probs_, v_smem_);
}

void ForwardKernel::addNonfinite(Value out) {
  if (cuts_.empty())
    return;
  Value v_rows = plan_.warp_specialized ? rows("", argument("v"), kv_head_, /*query_side=*/false) : v_rows_;
  builder.section("a NaN or infinity of V goes into the rows that do see it");
  auto* context = builder.getContext();
  auto least = [&](AffineExpr a, AffineExpr b, ValueRange operands) {
    return builder.index("", AffineMap::get(2, 0, {a, b}, context), Reduce::Min, operands);
  };
  auto at = [&](Value j) -> Value {
    return key_tile_ ? Value(builder.create<ApplyOp>(builder.getIndexType(), key_tile_, j)) : j;
  };
  auto d0 = builder.d(0), d1 = builder.d(1);
  Value last_row = least(d0 + plan_.q_tile, d1 * plan_.rowGroup(), {row_begin, sq});
  for (auto& [mask, cut] : cuts_) {
    Value first_key = builder.index("", d0 * plan_.kv_tile, at(cut.begin));
    // the tile after the last may lie behind a gap
    Value last_key = key_tile_ ? least((d0 + 1) * plan_.kv_tile, d1, {at(builder.index("", d0 - 1, cut.end)), sk})
                               : least(d0 * plan_.kv_tile, d1, {cut.end, sk});
    if (plan_.warp_specialized)
      builder.create<AddNonfiniteOp>(out, v_nonfinite_, v_rows, first_key, last_key, row_begin, row_limit_,
                                     visible_[mask]);
    else
      builder.create<BlockAddNonfiniteOp>(out, v_nonfinite_, v_rows, first_key, last_key, row_begin, last_row,
                                          visible_[mask]);
  }
}

/// O through shared memory: in a place of its own, or in that of Q. The last wait is for the end of the block.
void ForwardKernel::storeByWarpgroups() {
  auto note = [&](Operation* op, StringRef text) { op->setAttr("note", builder.getStringAttr(text)); };
  auto q = cast<StType>(q_smem_.getType()), o = cast<StType>(o_smem_.getType());
  const bool in_place = !plan_.persistent && o.bytes() <= q.bytes(); // so tile-allocate-shared decides
  const bool same_panels = !plan_.quantized() && q.getCols() % 64 == o.getCols() % 64;
  if (plan_.persistent && plan_.oByTma())
    note(builder.create<WarpgroupWaitForStoreOp>(), "of the piece before");
  else if (plan_.persistent)
    note(builder.create<WarpgroupSyncOp>(), "every warp has read O of the piece before");
  else if (in_place && same_panels)
    note(builder.create<WarpgroupSyncOp>(), "its rows of O lie where those of Q did");
  else if (in_place)
    note(builder.create<SyncConsumersOp>(), "every warp is done with Q");
  builder.create<WarpgroupStoreTileOp>(o_smem_, out_);
  Value out;
  if (plan_.oByTma())
    builder.create<WarpgroupStoreAsyncOp>(rows("", argument("o_map"), head_, /*query_side=*/true), o_smem_, row_begin);
  if (!plan_.oByTma() || !cuts_.empty())
    out = rows("o_rows", argument("o"), head_, /*query_side=*/true);
  if (!plan_.oByTma())
    builder.create<WarpgroupStoreOp>(out, o_smem_, row_begin, row_limit_);
  addNonfinite(out);
  if (plan_.oByTma())
    builder.create<WarpgroupWaitForStoreOp>();
}

void ForwardKernel::close() {
  auto rv = RvType::get(builder.getContext(), plan_.q_tile / plan_.warps);
  builder.section();
  Value sink;
  if (plan_.sink && !plan_.split)
    sink = builder.lambda("row_sink", {{"row", builder.getIndexType()}},
                          [&](ValueRange args) { return builder.element("", argument("sink"), qHead(args[0])); });
  Value row_lse = builder.alloc("row_lse", rv);
  builder.create<NormalizeOp>(out_, row_lse, row_max_, row_sum_, sink ? row_begin : Value(), sink, weightLog2());
  if (plan_.quantized())
    builder.create<WarpMulOp>(out_, out_, builder.element("", argument("v_descale"), descale_));
  if (plan_.split) {
    builder.create<WarpStoreOp>(partialRows("", argument("lse_partial")), row_lse, row_begin, row_limit_);
    Value out = partialRows("o_rows", argument("o_partial"));
    builder.create<WarpStoreOp>(out, out_, row_begin, row_limit_);
    addNonfinite(out);
    return;
  }
  if (plan_.lse)
    builder.create<WarpStoreOp>(rows("", argument("lse"), head_, /*query_side=*/true), row_lse, row_begin, row_limit_);
  if (plan_.warp_specialized)
    return storeByWarpgroups();
  builder.create<SyncOp>()->setAttr("note", builder.getStringAttr("every warp is done with Q, K and V"));
  builder.create<WarpStoreOp>(o_smem_, out_, Value(), Value());
  builder.create<SyncOp>();
  Value out = rows("o_rows", argument("o"), head_, /*query_side=*/true);
  builder.create<BlockStoreOp>(out, o_smem_, row_begin, row_limit_);
  addNonfinite(out);
}

} // namespace attune::tile
