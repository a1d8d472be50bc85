// Parameters, what this block's rows and keys are, and the views of them.
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
  builder.section(what + "; a block has one per round");
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
        "note", builder.getStringAttr("whether V held NaN or infinity where the mask cuts: 0 times it is NaN"));
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

} // namespace attune::tile
