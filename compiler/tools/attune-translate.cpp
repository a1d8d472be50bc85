// From one form to another: attune-translate --emit-cuda kernels.mlir.
#include "compiler/emit/CudaPrinter.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
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

int main(int argc, char** argv) {
  mlir::TranslateFromMLIRRegistration emit_cuda("emit-cuda", "tile kernels to CUDA text", emitCuda, [](auto& registry) {
    registry.template insert<attune::tile::TileDialect>();
  });
  return failed(mlir::mlirTranslateMain(argc, argv, "Attune's translations"));
}
