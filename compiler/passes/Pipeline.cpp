#include "compiler/passes/Pipeline.h"

#include "compiler/passes/AttnPasses.h"
#include "compiler/passes/TilePasses.h"

#include "mlir/Pass/PassInstrumentation.h"

namespace attune {

void buildPipeline(mlir::PassManager& passes, std::int64_t shared_limit) {
  passes.addPass(attn::createBuildKernel());
  passes.addNestedPass<attn::KernelOp>(attn::createClassifyBlocks());
  passes.addPass(attn::createSplitKV());
  passes.addNestedPass<attn::KernelOp>(tile::createPlanPipeline({.limit = shared_limit}));
  passes.addPass(tile::createConvertAttnToTile());
  passes.addNestedPass<tile::KernelOp>(tile::createMaterializePipeline());
  passes.addNestedPass<tile::KernelOp>(tile::createTransposeValues());
  passes.addNestedPass<tile::KernelOp>(tile::createSpecializeWarps());
  passes.addNestedPass<tile::KernelOp>(tile::createPrettify());
  passes.addNestedPass<tile::KernelOp>(tile::createPersist());
  passes.addNestedPass<tile::KernelOp>(tile::createAllocateShared({.limit = shared_limit}));
}

namespace {

/// Prints the whole module after the last kernel that a pass visits: with one kernel per pass run that is after each
/// pass.
class Dump : public mlir::PassInstrumentation {
public:
  explicit Dump(std::function<void(std::string, std::string)> dump) : dump_(std::move(dump)) {}

  void runAfterPass(mlir::Pass* pass, mlir::Operation* op) override {
    if (pass->getArgument().empty())
      return; // an adaptor that runs nested passes
    std::string text;
    llvm::raw_string_ostream out(text);
    op->print(out);
    out << "\n";
    dump_(pass->getArgument().str(), text);
  }

private:
  std::function<void(std::string, std::string)> dump_;
};

} // namespace

void dumpAfterEach(mlir::PassManager& passes, std::function<void(std::string, std::string)> dump) {
  passes.addInstrumentation(std::make_unique<Dump>(std::move(dump)));
}

} // namespace attune
