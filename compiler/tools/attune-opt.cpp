// Runs any pass on any stage: attune-opt in.mlir -tile-materialize-pipeline.
#include "compiler/passes/AttnPasses.h"
#include "compiler/passes/TilePasses.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char** argv) {
  mlir::DialectRegistry registry;
  registry.insert<attune::attn::AttnDialect, attune::tile::TileDialect>();
  attune::attn::registerAttnPasses();
  attune::tile::registerTilePasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Attune's compiler, pass by pass", registry));
}
