// Lines: declarations, loops, roles, calls, and the kernel around them.
#include "compiler/emit/CudaPrinter.h"
#include "compiler/emit/Printer.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

namespace attune::emit {

namespace {

/// A remark at the end of the line.
std::string note(Operation* op) {
  auto text = op->getAttrOfType<StringAttr>("note");
  return text ? " // " + text.str() : "";
}

/// Which threads a role's body is for.
std::string roleCondition(tile::Role role) {
  switch (role) {
  case tile::Role::Producer:
    return "block::is_producer()";
  case tile::Role::Issuer:
    return "warpgroup::is_issuer()";
  case tile::Role::Checker:
    return "warpgroup::is_checker()";
  case tile::Role::Transposer:
    return "warpgroup::is_transposer()";
  }
  return "";
}

} // namespace

void CudaPrinter::declare(tile::AllocOp op) {
  std::string name = label(op).str(), type = spell(op.getType());
  if (isa<tile::BoolType>(op.getType()))
    out_.line("bool " + name + " = false;" + note(op));
  else if (auto offset = op.getOffset())
    out_.line("auto& " + name + " = shared::at<" + type + ">(" + std::to_string(*offset) + ");" + note(op));
  else
    out_.declaration(type, name);
}

void CudaPrinter::visible(tile::VisibleOp op) {
  bool packed = op.getGroup() != 1;
  SmallVector<Operand> dims{{packed ? "row" : "query", true, true}, {"key", true, true}};
  auto symbols = llvm::map_to_vector(op.getSymbols(), [&](Value value) { return operand(value); });
  out_.lambda("const auto " + label(op).str() + " = [=](int " + dims[0].text + ", Key key)",
              maskText(op.getSets(), dims, symbols, std::int64_t(op.getGroup())));
}

void CudaPrinter::lambda(tile::LambdaOp op) {
  auto parameters = llvm::map_to_vector(op.getBody().getArguments(), [](BlockArgument argument) {
    return spell(argument.getType()) + " " + argumentName(argument).str();
  });
  auto yield = cast<tile::YieldOp>(op.getBody().front().back());
  out_.lambda("const auto " + label(op).str() + " = [=](" + llvm::join(parameters, ", ") + ")", text(yield.getValue()));
}

/// The fields of a piece, and the function that computes them.
LogicalResult CudaPrinter::work(tile::WorkOp op) {
  auto names = llvm::map_to_vector(op.getNames().getAsRange<StringAttr>(), [](StringAttr name) { return name.str(); });
  std::string fields = llvm::join(names, ", ");
  out_.open("struct Work {");
  out_.line("int " + fields + ";");
  out_.close("};");
  out_.open("const auto " + label(op).str() + " = [=](int round) -> Work {");
  if (failed(block(op.getBody().front())))
    return failure();
  out_.close("};");
  return success();
}

LogicalResult CudaPrinter::statement(Operation& op) {
  if (auto alloc = dyn_cast<tile::AllocOp>(op))
    return declare(alloc), success();
  if (auto section = dyn_cast<tile::SectionOp>(op)) {
    out_.section(section.getText().value_or("").str());
    return success();
  }
  if (isa<tile::ReturnOp>(op))
    return out_.line("return;"), success();
  if (auto op_visible = dyn_cast<tile::VisibleOp>(op))
    return visible(op_visible), success();
  if (auto op_lambda = dyn_cast<tile::LambdaOp>(op))
    return lambda(op_lambda), success();
  if (auto op_work = dyn_cast<tile::WorkOp>(op))
    return work(op_work);
  if (isa<tile::GiveOp>(op)) {
    auto values = llvm::map_to_vector(op.getOperands(), [&](Value value) { return text(value); });
    return out_.line("return {" + llvm::join(values, ", ") + "};"), success();
  }
  if (auto take = dyn_cast<tile::TakeOp>(op)) {
    auto values = llvm::map_to_vector(take.getValues(), [&](Value value) { return text(value); });
    out_.line("const auto [" + llvm::join(values, ", ") + "] = " + text(take.getWork()) + "(" + text(take.getRound()) +
              ");");
    return success();
  }
  if (isa<tile::ContinueOp>(op))
    return out_.line("continue;"), success();
  if (auto pieces = dyn_cast<tile::PiecesOp>(op)) {
    auto values = llvm::map_to_vector(op.getOperands(), [&](Value value) { return text(value); });
    return out_.line("const Pieces " + label(pieces).str() + "{" + llvm::join(values, ", ") + "};"), success();
  }
  if (auto ring = dyn_cast<tile::RingOp>(op))
    return out_.declaration(spell(ring.getType()), label(ring).str()), success();
  if (auto advance = dyn_cast<tile::AdvanceOp>(op))
    return out_.line("++" + text(advance.getRing()) + ";"), success();
  if (auto loop = dyn_cast<tile::ForOp>(op)) {
    std::string i = loop.getIterator().str(), begin = text(loop.getBegin()), end = text(loop.getEnd());
    auto index = loop.getEnd().getDefiningOp<tile::IndexOp>();
    std::string last = end + " - 1"; // of an expression: the expression less one
    if (index && !index.getLabel() && index.getReduce() == tile::Reduce::Only)
      last = affine(
          AffineMap::get(index.getMap().getNumDims(), index.getMap().getNumSymbols(), index.getMap().getResult(0) - 1),
          index.getOperands(), tile::Reduce::Only);
    std::string more = i + " < " + end;
    if (auto rounds = loop.getEnd().getDefiningOp<tile::RoundsOp>())
      more = text(rounds.getPieces()) + ".has(" + i + ")"; // to count them would take a division
    out_.open(loop.getAscending() ? "for (int " + i + " = " + begin + "; " + more + "; ++" + i + ") {"
                                  : "for (int " + i + " = " + last + "; " + i + " >= " + begin + "; --" + i + ") {");
    if (failed(block(loop.getBody().front())))
      return failure();
    return out_.close(), success();
  }
  if (auto branch = dyn_cast<tile::IfOp>(op)) {
    bool braces = !llvm::hasSingleElement(llvm::make_filter_range(
        branch.getBody().front(), [](Operation& inner) { return !wouldOpBeTriviallyDead(&inner); }));
    out_.open("if (" + condition(branch.getMap(), branch.getOperands()) + ")" + (braces ? " {" : "") + note(&op));
    if (failed(block(branch.getBody().front())))
      return failure();
    return out_.close(braces ? "}" : ""), success();
  }
  if (auto role = dyn_cast<tile::RoleOp>(op)) {
    out_.open("if (" + roleCondition(role.getRole()) + ") {" + note(&op));
    if (failed(block(role.getBody().front())))
      return failure();
    return out_.close(), success();
  }
  if (op.getNumResults() == 1) { // a definition, or an expression that its users print
    if (auto name = label(&op))
      out_.line("const " + spell(op.getResult(0).getType()) + " " + name.str() + " = " + definition(op).text + ";" +
                note(&op));
    return success();
  }
  if (auto device = dyn_cast<tile::DeviceCall>(op)) {
    out_.line(call(device) + ";" + note(&op));
    return success();
  }
  return op.emitOpError() << "cannot be printed: expected an op that stands for CUDA text";
}

LogicalResult CudaPrinter::block(Block& block) {
  for (Operation& op : block)
    if (failed(statement(op)))
      return failure();
  return success();
}

llvm::FailureOr<std::string> CudaPrinter::print(tile::KernelOp kernel) {
  for (auto line : kernel.getHeader().getAsRange<StringAttr>())
    out_.line("// " + line.str());
  auto warps = std::int64_t(kernel.getThreads() / 32);
  auto warpgroups = std::int64_t(kernel.getWarpgroups().value_or(0));
  llvm::SmallSetVector<std::int64_t, 4> widths; // of wgmma: each is a header, for parsing all takes its time
  kernel.walk([&](tile::MmABtAsyncOp op) { widths.insert(op.getResultTile().getType().getCols()); });
  kernel.walk([&](tile::MmaABtAsyncOp op) { widths.insert(op.getResultTile().getType().getCols()); });
  kernel.walk([&](tile::MmaABAsyncOp op) { widths.insert(op.getResultTile().getType().getCols()); });
  for (auto width : widths)
    out_.line("#include <attune/arch/sm90/wgmma_" + std::to_string(width) + ".cuh>");
  bool hopper = warpgroups || !kernel.getBody().getOps<tile::GridWaitForPreviousOp>().empty();
  out_.line(hopper ? "#include <attune/sm90.cuh>" : "#include <attune/tile.cuh>");
  out_.line("");
  out_.line("using namespace attune;");
  out_.line("using block = " +
            (warpgroups ? arguments("specialized_block", {std::to_string(warpgroups)})
                        : arguments("thread_block", {std::to_string(warps)})) +
            ";");
  out_.line("");
  // one block per multiprocessor is enough: without a number ptxas aims for more, and spills to get there
  std::string together = kernel.getCluster() ? "__cluster_dims__(" + std::to_string(*kernel.getCluster()) + ") " : "";
  out_.line("extern \"C\" __global__ void " + together + "__launch_bounds__(block::threads, 1)");
  auto parameters = llvm::map_to_vector(kernel.getBody().getArguments(), [](BlockArgument argument) {
    std::string type = spell(argument.getType());
    if (isa<tile::TensorMapType>(argument.getType()))
      return "const __grid_constant__ " + type + " " + argumentName(argument).str();
    return (isa<tile::PtrType>(argument.getType()) ? type + " const " : "const " + type + " ") +
           argumentName(argument).str();
  });
  out_.open("    " + kernel.getSymName().str() + "(" + llvm::join(parameters, ", ") + ") {");
  if (failed(block(kernel.getBody().front())))
    return failure();
  out_.close();
  return out_.take();
}

llvm::FailureOr<std::string> printCuda(tile::KernelOp kernel) { return CudaPrinter().print(kernel); }

} // namespace attune::emit
