// From one form to another: attune-translate --spec-to-attn spec.json, attune-translate --emit-cuda kernels.mlir.
#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/Error.h"
#include "attune/compiler/SpecJson.h"
#include "compiler/emit/CudaPrinter.h"
#include "compiler/frontend/SpecToAttn.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

static llvm::LogicalResult emitCuda(mlir::Operation* op, llvm::raw_ostream& out) {
  auto result = op->walk([&](attune::tile::KernelOp kernel) {
    auto text = attune::emit::printCuda(kernel);
    if (failed(text))
      return mlir::WalkResult::interrupt();
    out << *text;
    return mlir::WalkResult::advance();
  });
  return llvm::failure(result.wasInterrupted());
}

/// A spec in JSON as attn.forward, with the default prefill schedule for sm_80. LLVM has no exceptions: none leaves
/// here.
static mlir::OwningOpRef<mlir::Operation*> specToAttn(llvm::SourceMgr& source, mlir::MLIRContext* context) {
  context->loadDialect<attune::attn::AttnDialect>();
  mlir::OpBuilder builder(context);
  auto loc = builder.getUnknownLoc();
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  try {
    auto text = source.getMemoryBuffer(source.getMainFileID())->getBuffer();
    auto spec = attune::specFromJson({text.data(), text.size()});
    attune::buildForward(builder, loc, spec,
                         attune::defaultSchedule(spec, attune::target("sm_80"), 1024, /*split_kv=*/false));
  } catch (const attune::UserError& error) {
    mlir::emitError(loc) << error.what();
    return nullptr;
  }
  return mlir::OwningOpRef<mlir::Operation*>(module.release());
}

int main(int argc, char** argv) {
  mlir::TranslateFromMLIRRegistration emit_cuda("emit-cuda", "tile kernels to CUDA text", emitCuda, [](auto& registry) {
    registry.template insert<attune::tile::TileDialect>();
  });
  mlir::TranslateToMLIRRegistration spec_to_attn(
      "spec-to-attn", "a spec in JSON to attn.forward",
      [](llvm::SourceMgr& source, mlir::MLIRContext* context) { return specToAttn(source, context); },
      [](mlir::DialectRegistry& registry) { registry.insert<attune::attn::AttnDialect>(); });
  return failed(mlir::mlirTranslateMain(argc, argv, "Attune's translations"));
}
