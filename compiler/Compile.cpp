#include "attune/compiler/Compile.h"

#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/Error.h"
#include "attune/compiler/SpecJson.h"
#include "compiler/emit/CudaPrinter.h"
#include "compiler/frontend/SpecToAttn.h"
#include "compiler/passes/Pipeline.h"
#include "compiler/passes/TilePasses.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"

#include <chrono>
#include <fmt/format.h>

namespace attune {
namespace {

GridTerm gridTerm(llvm::StringRef name) {
  static const std::pair<const char*, GridTerm> terms[] = {
      {"QTiles", GridTerm::QTiles},   {"Splits", GridTerm::Splits}, {"QHeads", GridTerm::QHeads},
      {"KvHeads", GridTerm::KvHeads}, {"Batch", GridTerm::Batch},   {"QRowBlocks", GridTerm::QRowBlocks},
  };
  for (auto [text, term] : terms)
    if (name == text)
      return term;
  throw InternalError("no grid term " + name.str());
}

Parameter::Kind parameterKind(mlir::Type type) {
  if (mlir::isa<tile::GlType>(type))
    return Parameter::Kind::Tensor;
  if (mlir::isa<tile::PtrType>(type))
    return Parameter::Kind::Pointer;
  return type.isF32() ? Parameter::Kind::F32 : Parameter::Kind::I32;
}

/// k_map is the tensor k as TMA sees it; one box is one panel of a shared tile (templates/tile/tiles.cuh).
Parameter parameter(mlir::Type type, llvm::StringRef name) {
  auto map = mlir::dyn_cast<tile::TensorMapType>(type);
  if (!map)
    return {parameterKind(type), name.str()};
  const int per_block = 256 / static_cast<int>(map.getElement().getIntOrFloatBitWidth()); // columns in 32 bytes
  const int blocks = static_cast<int>(llvm::alignTo(map.getCols(), 32)) / per_block;
  const int columns = per_block * (blocks % 4 == 0 ? 4 : blocks % 2 == 0 ? 2 : 1);
  return {Parameter::Kind::TensorMap, name.drop_back(4).str(), static_cast<int>(map.getBoxRows()), columns};
}

Manifest manifest(tile::KernelOp kernel, const Schedule& schedule) {
  Manifest result;
  result.name = kernel.getSymName().str();
  for (auto [argument, name] :
       llvm::zip(kernel.getBody().getArguments(), kernel.getArgNames().getAsRange<mlir::StringAttr>()))
    result.parameters.push_back(parameter(argument.getType(), name));
  for (auto [axis, terms] : llvm::enumerate(kernel.getGrid().getAsRange<mlir::ArrayAttr>()))
    for (auto term : terms.getAsRange<mlir::StringAttr>())
      result.grid[axis].push_back(gridTerm(term.getValue()));
  result.q_tile = schedule.q_tile;
  result.kv_tile = schedule.kv_tile;
  kernel.walk([&](mlir::Operation* op) {
    if (op->getNumResults() == 1)
      if (auto ring = mlir::dyn_cast<tile::RingType>(op->getResult(0).getType()))
        result.stages = std::max(result.stages, static_cast<int>(ring.getStages()));
  });
  result.pack_gqa = schedule.pack_gqa;
  result.persistent = !kernel.getBody().getOps<tile::PiecesOp>().empty();
  result.cluster = static_cast<int>(kernel.getCluster().value_or(1));
  result.threads = static_cast<int>(kernel.getThreads());
  result.starts_early = !kernel.getBody().getOps<tile::GridWaitForPreviousOp>().empty();
  result.shared_bytes = static_cast<int>(kernel.getSharedBytes().value_or(0));
  return result;
}

std::string textOf(mlir::Operation* op) {
  std::string text;
  llvm::raw_string_ostream out(text);
  op->print(out);
  return text + "\n";
}

/// Says so, with the numbers, before any pass runs.
void checkFits(attn::ForwardOp forward, const AttentionSpec& spec, const Schedule& schedule, const Target& target) {
  if (schedule.warp_specialized && !target.wgmma)
    throw UserError(UserError::Kind::Unsupported, "warp_specialized=1",
                    target.name + " has no warpgroup products and no TMA: roles need sm_90a",
                    "compile for sm_90a, or drop it");
  const auto dtype = forward.getSpec().getDtype();
  const bool bytes = dtype.getIntOrFloatBitWidth() == 8;
  if (bytes && !schedule.warp_specialized)
    throw UserError(UserError::Kind::Unsupported, "warp_specialized=0 with dtype fp8_e4m3",
                    "only warpgroups multiply 8-bit floats", "add warp_specialized=1");
  if (bytes && schedule.kv_tile % 32 != 0)
    throw UserError(UserError::Kind::Unsupported, fmt::format("kv_tile={} with dtype fp8_e4m3", schedule.kv_tile),
                    "a product over keys takes 32 at a time", "use a multiple of 32");
  if (bytes && schedule.cluster > 1)
    throw UserError(UserError::Kind::Unsupported, "cluster=2 with dtype fp8_e4m3",
                    "each block transposes V for itself, and gives its place back to its own producer only", "drop it");
  auto least = tile::sharedBytes(forward.getSpec(), *forward.getSchedule(), tile::leastStages(*forward.getSchedule()));
  if (least > target.shared_per_block)
    throw UserError(UserError::Kind::Unsupported,
                    fmt::format("q_tile {} and kv_tile {} with head dims {} and {}", schedule.q_tile, schedule.kv_tile,
                                forward.getSpec().getHeadDim(), forward.getSpec().getHeadDimV()),
                    fmt::format("a block needs {} bytes of shared memory and {} has {}", least, target.name,
                                target.shared_per_block),
                    "use smaller tiles");
  const std::string tiles = fmt::format("q_tile {}, kv_tile {} and {} warps with head dim {}", schedule.q_tile,
                                        schedule.kv_tile, schedule.warps, forward.getSpec().getHeadDimV());
  if (schedule.warp_specialized) {
    const auto [needed, available] = consumerRegisters(spec, schedule);
    if (needed > available)
      throw UserError(UserError::Kind::Unsupported, tiles,
                      fmt::format("a consumer's thread needs {} registers, and has {}", needed, available),
                      "use a smaller kv_tile, or fewer warps");
    return;
  }
  // Accumulators of O and of the scores, and the weights in half of theirs: without the rest, which needs some too.
  const int rows = schedule.q_tile / schedule.warps;
  const auto registers = rows * (forward.getSpec().getHeadDimV() + schedule.kv_tile + schedule.kv_tile / 2) / 32;
  if (registers > 255)
    throw UserError(UserError::Kind::Unsupported, tiles,
                    fmt::format("a thread needs {} registers for its tiles alone, and has 255", registers),
                    "use smaller tiles or more warps");
}

} // namespace

CompileResult compile(const AttentionSpec& spec, const Schedule& schedule, const Target& target,
                      const CompileOptions& options) {
  auto start = std::chrono::steady_clock::now();
  validate(spec), validate(schedule);
  checkSupported(spec.dtype, target);
  CompileResult result;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED); // own context per call: nothing is shared
  context.loadDialect<attn::AttnDialect, tile::TileDialect>();
  std::string errors;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic& diagnostic) {
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark)
      result.remarks.push_back(diagnostic.str());
    else
      errors += diagnostic.str() + "\n";
  });

  mlir::OpBuilder builder(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToEnd(module->getBody());
  auto forward = buildForward(builder, builder.getUnknownLoc(), spec, schedule);
  if (failed(mlir::verify(*module)))
    throw InternalError("the frontend made invalid IR: " + errors);
  checkFits(forward, spec, schedule, target);
  if (options.dump_stages)
    result.stages.push_back({"frontend", textOf(*module)});

  mlir::PassManager passes(&context);
  buildPipeline(passes, target.shared_per_block);
  if (options.dump_stages)
    dumpAfterEach(passes, [&](std::string pass, std::string text) {
      result.stages.push_back({std::move(pass), std::move(text)});
    });
  if (failed(passes.run(*module)))
    throw InternalError("lowering failed: " + errors);

  for (auto kernel : module->getOps<tile::KernelOp>()) {
    auto text = emit::printCuda(kernel);
    if (failed(text))
      throw InternalError("printing failed: " + errors);
    result.kernels.push_back({*text, manifest(kernel, schedule)});
    if (options.dump_stages)
      result.stages.push_back({"emit-cuda", *text});
  }
  result.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return result;
}

} // namespace attune
