#include "compiler/passes/ForwardKernel.h"

using namespace mlir;

namespace attune::tile {

/// Partial results are (split, batch, head, row) or, for varlen, (split, head, row of the packed tensor).
Value partialIndex(TileBuilder& builder, Value chunk, Value batch, Value cu_seqlens_q, Value q_start) {
  Value per_chunk = builder.blocks(Axis::Z);
  if (q_start)
    per_chunk = builder.element("", cu_seqlens_q, per_chunk); // all rows
  auto map = AffineMap::get(2, 1, builder.d(0) * builder.getAffineSymbolExpr(0) + builder.d(1));
  return builder.index("", map, Reduce::Only, {chunk, q_start ? q_start : batch, per_chunk});
}

ForwardKernel::ForwardKernel(const KernelPlan& plan, OpBuilder& outer, Location loc)
    : builder(loc, outer), plan_(plan) {}

Type ForwardKernel::rt(std::int64_t cols, Type element) {
  return RtType::get(builder.getContext(), plan_.q_tile / plan_.warps, cols, element);
}

Value ForwardKernel::argument(StringRef name) {
  for (auto [argument, label] :
       llvm::zip(kernel.getBody().getArguments(), kernel.getArgNames().getAsRange<StringAttr>()))
    if (label == name)
      return argument;
  return {};
}

void ForwardKernel::parameters() {
  auto* context = builder.getContext();
  auto f32 = builder.getF32Type();
  Type index = builder.getIndexType();
  auto gl = [&](Type element, std::int64_t cols) -> Type { return GlType::get(context, element, cols); };
  auto ptr = [&](Type element) -> Type { return PtrType::get(context, element); };
  auto map = [&](Type element, std::int64_t cols, std::int64_t rows) -> Type {
    return TensorMapType::get(context, element, cols, rows);
  };
  SmallVector<std::pair<StringRef, Type>> list;
  if (plan_.qByTma())
    list.push_back({"q_map", map(plan_.dtype, plan_.head_dim, plan_.q_tile)});
  else
    list.push_back({"q", gl(plan_.dtype, plan_.head_dim)});
  if (plan_.warp_specialized) {
    list.push_back({"k_map", map(plan_.dtype, plan_.head_dim, plan_.kv_tile / plan_.cluster)});
    list.push_back({"v_map", map(plan_.dtype, plan_.head_dim_v, plan_.kv_tile / plan_.cluster)});
  } else {
    list.push_back({"k", gl(plan_.dtype, plan_.head_dim)});
  }
  if (!plan_.warp_specialized || plan_.hides_values) // for addNonfinite
    list.push_back({"v", gl(plan_.dtype, plan_.head_dim_v)});
  if (plan_.split) {
    list.push_back({"o_partial", gl(f32, plan_.head_dim_v)});
    list.push_back({"lse_partial", gl(f32, 1)});
  } else {
    if (plan_.oByTma())
      list.push_back({"o_map", map(plan_.outputType(), plan_.head_dim_v, 64)}); // a warpgroup's rows
    if (!plan_.oByTma() || plan_.hides_values)                                  // for addNonfinite
      list.push_back({"o", gl(plan_.outputType(), plan_.head_dim_v)});
    if (plan_.lse)
      list.push_back({"lse", gl(f32, 1)});
  }
  if (plan_.quantized())
    for (StringRef name : {"q_descale", "k_descale", "v_descale"})
      list.push_back({name, ptr(f32)});
  if (plan_.alibi != attn::AlibiKind::None)
    list.push_back({"alibi_slopes", ptr(f32)});
  if (plan_.sink && !plan_.split)
    list.push_back({"sink", ptr(f32)});
  for (StringRef name : {"q", "k"}) {
    if (plan_.varlen)
      list.push_back({name == "q" ? "cu_seqlens_q" : "cu_seqlens_k", ptr(builder.getI32Type())});
    else
      list.push_back({name == "q" ? "sq" : "sk", index});
  }
  list.push_back({"scale", f32});
  if (plan_.split) {
    list.push_back({"splits", index});
    list.push_back({"split_tiles", index});
  }
  if (plan_.persistent)
    for (StringRef name : {"q_tiles", "heads", "section"})
      list.push_back({name, index});

  auto names = llvm::map_to_vector(list, [](auto& parameter) { return parameter.first; });
  auto factors = [&](ArrayRef<StringRef> terms) -> Attribute { return builder.getStrArrayAttr(terms); };
  SmallVector<StringRef> x{"QTiles"};
  if (plan_.split)
    x.push_back("Splits");
  SmallVector<StringRef> y{plan_.pack_gqa ? "KvHeads" : "QHeads"}, z{"Batch"};
  if (plan_.persistent) { // pieces
    x.append({y.front(), z.front()});
    y.clear(), z.clear();
  }
  auto grid = builder.getArrayAttr({factors(x), factors(y), factors(z)});
  auto header = llvm::map_to_vector(plan_.header, [](const std::string& line) { return StringRef(line); });
  auto threads = std::uint64_t(plan_.warps * 32 + (plan_.warp_specialized ? 128 : 0));
  kernel = builder.create<KernelOp>(plan_.name, builder.getStrArrayAttr(names), threads, grid,
                                    builder.getStrArrayAttr(header), IntegerAttr(),
                                    plan_.warp_specialized ? builder.getI64IntegerAttr(plan_.warps / 4) : IntegerAttr(),
                                    plan_.cluster > 1 ? builder.getI64IntegerAttr(plan_.cluster) : IntegerAttr());
  kernel->setAttr("stages", builder.getI64IntegerAttr(plan_.stages));
  if (plan_.overlap)
    kernel->setAttr("overlap", builder.getUnitAttr());
  if (plan_.ping_pong)
    kernel->setAttr("ping_pong", builder.getUnitAttr());
  if (plan_.persistent)
    kernel->setAttr("persistent", builder.getUnitAttr());
  Block* block = builder.createBlock(&kernel.getBody());
  for (auto [name, type] : list)
    block->addArgument(type, builder.getLoc());
}

/// One of the pieces that this block gets.
void ForwardKernel::piece() {
  std::string what =
      "a piece of work: " + std::to_string(plan_.q_tile) +
      (plan_.pack_gqa ? " rows, (query, head of the group) pairs of one kv head" : " queries of one head");
  builder.section(what + "; blocks take turns at them");
  auto index = builder.getIndexType();
  Value pieces = builder.create<PiecesOp>(PiecesType::get(builder.getContext()), builder.label("pieces"),
                                          argument("q_tiles"), argument("heads"), argument("section"));
  Value round = builder.create<RoundOp>(index);
  row_begin = builder.index(plan_.pack_gqa ? "row_begin" : "q_begin", builder.d(0) * plan_.q_tile,
                            Value(builder.create<PieceTileOp>(index, pieces, round)));
  Value of_all = builder.create<PieceHeadOp>(index, pieces, round);
  auto heads = plan_.pack_gqa ? plan_.kv_heads : plan_.q_heads;
  head_ = builder.index(plan_.pack_gqa ? "kv_head" : "head", builder.d(0) % heads, of_all);
  batch_ = builder.index("batch", builder.d(0).floorDiv(heads), of_all);
}

/// x: tile and chunk, y: head, z: batch.
void ForwardKernel::coordinates() {
  std::string what =
      "one block: " + std::to_string(plan_.q_tile) +
      (plan_.pack_gqa ? " rows, (query, head of the group) pairs of one kv head" : " queries of one head");
  if (plan_.cluster > 1)
    what += ", beside the other tile of its cluster";
  if (plan_.split)
    what += ", one chunk of their keys";
  else if (plan_.longest_first)
    what += "; the longest rows go first";
  builder.section(what);

  Value x = builder.block(Axis::X);
  auto tile = builder.d(0);
  SmallVector<Value> operands{x};
  if (plan_.split) {
    splits_ = argument("splits");
    split_tiles = argument("split_tiles");
    auto map = [&](AffineExpr expr) { return AffineMap::get(1, 1, expr); };
    chunk = builder.index("chunk", map(builder.d(0) % builder.getAffineSymbolExpr(0)), Reduce::Only, {x, splits_});
    Value q_tile =
        builder.index("q_tile", map(builder.d(0).floorDiv(builder.getAffineSymbolExpr(0))), Reduce::Only, {x, splits_});
    operands = {q_tile};
  } else if (plan_.longest_first) {
    operands = {builder.blocks(Axis::X), x};
    tile = builder.d(0) - 1 - builder.d(1);
  }
  row_begin = builder.index(plan_.pack_gqa ? "row_begin" : "q_begin", tile * plan_.q_tile, operands);
  if (plan_.cluster > 1) {
    auto rows = plan_.cluster * plan_.q_tile;
    cluster_begin = builder.index("cluster_begin", builder.d(0).floorDiv(rows) * rows, row_begin);
    cluster_begin.getDefiningOp()->setAttr("note", builder.getStringAttr("its blocks visit the same key tiles"));
  }
  head_ = builder.name(plan_.pack_gqa ? "kv_head" : "head", builder.block(Axis::Y));
  batch_ = builder.name("batch", builder.block(Axis::Z));
}

/// Varlen: sequence `batch` is rows [first, first + length) of the packed tensor.
void ForwardKernel::views() {
  sq = argument("sq");
  sk = argument("sk");
  if (plan_.varlen) {
    Value next = builder.index("", builder.d(0) + 1, batch_);
    auto length = [&](StringRef first_name, StringRef name, StringRef offsets, Value& first) {
      first = builder.element(first_name, argument(offsets), batch_);
      return builder.index(name, builder.d(0) - builder.d(1), {builder.element("", argument(offsets), next), first});
    };
    sq = length("q_start", "sq", "cu_seqlens_q", q_start_);
    sk = length("k_start", "sk", "cu_seqlens_k", k_start_);
  }
  row_limit_ = plan_.pack_gqa ? builder.index("", builder.d(0) * plan_.group(), sq) : sq;
  if (plan_.varlen) { // the grid is made for the longest sequence
    auto beyond = AffineMap::get(2, 0, builder.d(0) - builder.d(1) * plan_.rowGroup());
    auto branch = builder.create<IfOp>(beyond, ValueRange{cluster_begin, sq});
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&branch.getBody());
    builder.create<ReturnOp>();
  }
  q_rows_ = rows("q_rows", argument(plan_.qByTma() ? "q_map" : "q"), head_, /*query_side=*/true);
  k_rows_ = rows("k_rows", argument(plan_.warp_specialized ? "k_map" : "k"), kv_head_, /*query_side=*/false);
  v_rows_ = rows("v_rows", argument(plan_.warp_specialized ? "v_map" : "v"), kv_head_, /*query_side=*/false);
}

Value ForwardKernel::rows(StringRef name, Value tensor, Value head, bool query_side) {
  auto rows_of = [&](auto type) { return RowsType::get(builder.getContext(), type.getElement(), type.getCols()); };
  auto map = dyn_cast<TensorMapType>(tensor.getType());
  RowsType type = map ? rows_of(map) : rows_of(cast<GlType>(tensor.getType()));
  auto label = builder.label(name);
  Value first = !plan_.varlen ? batch_ : query_side ? q_start_ : k_start_;
  if (query_side && plan_.pack_gqa)
    return plan_.varlen ? Value(builder.create<PackedRowsFromOp>(type, label, tensor, first, head, plan_.group()))
                        : Value(builder.create<PackedRowsOp>(type, label, tensor, first, head, plan_.group()));
  return plan_.varlen ? Value(builder.create<RowsFromOp>(type, label, tensor, first, head))
                      : Value(builder.create<RowsOp>(type, label, tensor, first, head));
}

Value ForwardKernel::partialRows(StringRef name, Value tensor) {
  Value at = partialIndex(builder, chunk, batch_, argument("cu_seqlens_q"), q_start_);
  std::swap(plan_.varlen ? q_start_ : batch_, at); // rows() of the chunk instead of the whole
  Value view = rows(name, tensor, head_, /*query_side=*/true);
  std::swap(plan_.varlen ? q_start_ : batch_, at);
  return view;
}

void ForwardKernel::open() {
  parameters();
  auto st = [&](std::int64_t rows, std::int64_t cols, Type element) {
    auto panel = plan_.warp_specialized ? 32 : 16; // columns: the narrowest TMA box, or a k step
    return StType::get(builder.getContext(), rows, std::int64_t(llvm::alignTo(cols, panel)), element, 1);
  };
  q_smem_ = builder.alloc("q_smem", st(plan_.q_tile, plan_.head_dim, plan_.dtype));
  k_smem_ = builder.alloc("k_smem", st(plan_.kv_tile, plan_.head_dim, plan_.dtype));
  v_smem_ = builder.alloc("v_smem", st(plan_.kv_tile, plan_.head_dim_v, plan_.dtype));
  if (!plan_.split)
    o_smem_ = builder.alloc("o_smem", st(plan_.q_tile, plan_.head_dim_v, plan_.outputType()));
  if (plan_.hides_values && plan_.warp_specialized) { // of the block
    v_nonfinite_ = builder.alloc("v_nonfinite", FlagType::get(builder.getContext()));
    v_nonfinite_.getDefiningOp()->setAttr(
        "note", builder.getStringAttr("where the mask cuts, V held one: 0 times NaN would be NaN"));
  }
  if (plan_.persistent)
    piece();
  else
    coordinates();
  if (!cluster_begin)
    cluster_begin = row_begin;
  kv_head_ =
      plan_.pack_gqa || plan_.group() == 1 ? head_ : builder.index("", builder.d(0).floorDiv(plan_.group()), head_);
  views();
}

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
      "score", {{"s", f32}, {plan_.pack_gqa ? "row" : "query", index}, {"key", index}}, [&](ValueRange args) {
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
        "note", builder.getStringAttr("where the mask cuts, V held one: 0 times NaN would be NaN"));
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
  if (partial) {
    builder.create<MaskOp>(scores_, row_begin, first, visible_[mask]);
    builder.create<StepMaskedOp>(scores_, row_max_, row_sum_, rescale_, scale_log2_, weightLog2());
  } else {
    builder.create<StepOp>(scores_, row_max_, row_sum_, rescale_, scale_log2_, weightLog2());
  }
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

/// O through shared memory: beside a next piece's Q, or in the place of Q. The last wait is for the end of the block.
void ForwardKernel::storeByWarpgroups() {
  auto note = [&](Operation* op, StringRef text) { op->setAttr("note", builder.getStringAttr(text)); };
  if (!plan_.persistent)
    note(builder.create<SyncConsumersOp>(), "every warp is done with Q");
  else if (plan_.oByTma())
    note(builder.create<WarpgroupWaitForStoreOp>(), "of the piece before");
  else
    note(builder.create<WarpgroupSyncOp>(), "every warp has read O of the piece before");
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
  builder.create<NormalizeOp>(out_, row_lse, row_max_, row_sum_, scale_log2_, sink ? row_begin : Value(), sink,
                              weightLog2());
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
