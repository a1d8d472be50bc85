#include "compiler/passes/ForwardKernel.h"

using namespace mlir;

namespace attune::tile {

static constexpr std::int64_t warps = 4; // rows of a block; independent of one another

KernelOp buildCombineKernel(const KernelPlan& plan, OpBuilder& outer, Location loc) {
  TileBuilder builder(loc, outer);
  auto* context = builder.getContext();
  auto f32 = builder.getF32Type();
  Type index = builder.getIndexType();
  auto gl = [&](Type element, std::int64_t cols) -> Type { return GlType::get(context, element, cols); };
  SmallVector<std::pair<StringRef, Type>> list{{"o_partial", gl(f32, plan.head_dim_v)},
                                               {"lse_partial", gl(f32, 1)},
                                               {"o", gl(plan.outputType(), plan.head_dim_v)}};
  if (plan.lse)
    list.push_back({"lse", gl(f32, 1)});
  if (plan.sink)
    list.push_back({"sink", PtrType::get(context, f32)});
  if (plan.varlen)
    list.push_back({"cu_seqlens_q", PtrType::get(context, builder.getI32Type())});
  else
    list.push_back({"sq", index});
  list.push_back({"splits", index});

  auto names = llvm::map_to_vector(list, [](auto& parameter) { return parameter.first; });
  auto factors = [&](StringRef term) -> Attribute { return builder.getStrArrayAttr({term}); };
  auto grid = builder.getArrayAttr({factors("QRowBlocks"), factors("QHeads"), factors("Batch")});
  auto header = llvm::map_to_vector(plan.header, [](const std::string& line) { return StringRef(line); });
  auto kernel = builder.create<KernelOp>(plan.name, builder.getStrArrayAttr(names), std::uint64_t(warps * 32), grid,
                                         builder.getStrArrayAttr(header), IntegerAttr(), IntegerAttr(), IntegerAttr());
  Block* body = builder.createBlock(&kernel.getBody());
  for (auto [name, type] : list)
    body->addArgument(type, loc);
  auto argument = [&](StringRef name) { return body->getArgument(unsigned(llvm::find(names, name) - names.begin())); };

  builder.section("one warp: one row of one head");
  Value warp = builder.create<WarpIndexOp>(index, StringAttr());
  Value row = builder.index("row", builder.d(0) * warps + builder.d(1), {builder.block(Axis::X), warp});
  Value head = builder.name("head", builder.block(Axis::Y));
  Value batch = builder.name("batch", builder.block(Axis::Z));
  Value q_start, sq;
  if (plan.varlen) {
    Value next = builder.index("", builder.d(0) + 1, batch);
    q_start = builder.element("q_start", argument("cu_seqlens_q"), batch);
    sq = builder.index("sq", builder.d(0) - builder.d(1),
                       {builder.element("", argument("cu_seqlens_q"), next), q_start});
  } else {
    sq = argument("sq");
  }
  {
    auto branch = builder.create<IfOp>(AffineMap::get(2, 0, builder.d(0) - builder.d(1)), ValueRange{row, sq});
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&branch.getBody());
    builder.create<ReturnOp>();
  }

  if (plan.starts_early) {
    builder.section();
    builder.create<GridWaitForPreviousOp>()->setAttr("note", builder.getStringAttr("the chunks are there"));
  }

  auto at = [&](Value tensor, Value first) -> Value {
    auto type = cast<GlType>(tensor.getType());
    auto rows = RowsType::get(context, type.getElement(), type.getCols());
    Value view = plan.varlen ? Value(builder.create<RowsFromOp>(rows, StringAttr(), tensor, first, head))
                             : Value(builder.create<RowsOp>(rows, StringAttr(), tensor, first, head));
    return builder.create<AtOp>(PtrType::get(context, type.getElement()), view, row);
  };
  Value first = plan.varlen ? q_start : batch;
  auto of_chunk = [&](StringRef name, Value tensor) {
    return builder.lambda(name, {{"chunk", index}}, [&](ValueRange args) {
      Value cu_seqlens_q = plan.varlen ? Value(argument("cu_seqlens_q")) : Value();
      return at(tensor, partialIndex(builder, args[0], batch, cu_seqlens_q, q_start));
    });
  };
  builder.section("chunk by chunk, so that the bits depend on nothing else");
  Value partial = of_chunk("partial", argument("o_partial"));
  Value partial_lse = of_chunk("partial_lse", argument("lse_partial"));
  Value out = builder.alloc("out", RowType::get(context, plan.head_dim_v));
  Value lse = builder.create<CombineFoldOp>(f32, builder.label(plan.sink ? "chunks_lse" : "row_lse"), out, partial,
                                            partial_lse, argument("splits"));
  if (plan.sink)
    lse = builder.create<CombineAddSinkOp>(f32, builder.label("row_lse"), out, lse,
                                           builder.element("", argument("sink"), head));
  builder.create<CombineStoreOp>(at(argument("o"), first), out);
  if (plan.lse)
    builder.create<CombineStoreOp>(at(argument("lse"), first), lse);
  return kernel;
}

} // namespace attune::tile
