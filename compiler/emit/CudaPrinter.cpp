#include "compiler/emit/CudaPrinter.h"

#include "compiler/emit/Expression.h"
#include "compiler/emit/Layout.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#include <fmt/format.h>

using namespace mlir;

namespace attune::emit {
namespace {

std::string element(Type type) {
  if (type.isBF16())
    return "bf16";
  if (type.isF16())
    return "f16";
  if (isa<Float8E4M3FNType>(type))
    return "e4m3";
  return type.isF32() ? "float" : "int";
}

std::string arguments(const std::string& name, std::initializer_list<std::string> list) {
  return name + "<" + llvm::join(list, ", ") + ">";
}

/// A type as C++ spells it.
std::string spell(Type type) {
  auto number = [](std::int64_t value) { return std::to_string(value); };
  auto slots = [&](const std::string& one, std::int64_t stages) {
    return stages == 1 ? one : one + "[" + number(stages) + "]";
  };
  return llvm::TypeSwitch<Type, std::string>(type)
      .Case([&](tile::GlType gl) { return arguments("gl", {element(gl.getElement()), number(gl.getCols())}); })
      .Case([&](tile::TensorMapType map) {
        return arguments("tensor_map", {element(map.getElement()), number(map.getCols())});
      })
      .Case([&](tile::PtrType ptr) { return "const " + element(ptr.getElement()) + "*"; })
      .Case([&](tile::StType st) {
        return slots(arguments("st", {element(st.getElement()), number(st.getRows()), number(st.getCols())}),
                     st.getStages());
      })
      .Case([&](tile::BarrierType barrier) { return slots("mbarrier", barrier.getStages()); })
      .Case([](tile::FlagType) { return std::string("int"); })
      .Case([&](tile::RtType rt) {
        return arguments("rt", {element(rt.getElement()), number(rt.getRows()), number(rt.getCols())});
      })
      .Case([&](tile::RvType rv) { return arguments("rv", {number(rv.getRows())}); })
      .Case([&](tile::RowType row) { return arguments("combine::row", {number(row.getCols())}); })
      .Case([&](tile::RingType ring) { return arguments("Ring", {number(ring.getStages())}); })
      .Case([](FloatType) { return std::string("float"); })
      .Case([](IndexType) { return std::string("int"); })
      .Default([](Type) { return std::string("auto"); });
}

std::string literal(const llvm::APFloat& value) {
  llvm::SmallString<16> digits;
  value.toString(digits, /*FormatPrecision=*/9, /*FormatMaxPadding=*/6, /*TruncateZero=*/false);
  std::string text = digits.str().str();
  if (text.find_first_of(".eE") == std::string::npos)
    text += ".0";
  return text + "f";
}

class CudaPrinter {
public:
  llvm::FailureOr<std::string> print(tile::KernelOp kernel);

private:
  LogicalResult block(Block& block);
  LogicalResult statement(Operation& op);
  void lambda(tile::LambdaOp op);
  LogicalResult work(tile::WorkOp op);
  void visible(tile::VisibleOp op);
  void declare(tile::AllocOp op);

  Operand operand(Value value) const;
  Operand definition(Operation& op) const; ///< what an op computes, as an expression
  std::string text(Value value) const { return operand(value).text; }
  std::string call(tile::DeviceCall op) const;
  std::string affine(AffineMap map, ValueRange operands, tile::Reduce reduce, bool* non_negative = nullptr) const;
  std::string condition(AffineMap map, ValueRange operands) const;

  Layout out_;
};

StringAttr label(Operation* op) { return op->getAttrOfType<StringAttr>("label"); }

/// cu_seqlens[batch + 1] - cu_seqlens[batch]: offsets never fall.
bool isLength(tile::IndexOp index) {
  auto* context = index.getContext();
  auto difference = getAffineDimExpr(0, context) - getAffineDimExpr(1, context);
  if (index.getNumOperands() != 2 || index.getMap() != AffineMap::get(2, 0, difference))
    return false;
  auto next = index.getOperand(0).getDefiningOp<tile::ElementOp>(),
       first = index.getOperand(1).getDefiningOp<tile::ElementOp>();
  return next && first && next.getPointer() == first.getPointer();
}

/// Names of block arguments belong to the op that has the block.
StringRef argumentName(BlockArgument argument) {
  Operation* parent = argument.getOwner()->getParentOp();
  if (auto loop = dyn_cast<tile::ForOp>(parent))
    return loop.getIterator();
  if (isa<tile::WorkOp>(parent))
    return "round";
  auto names = parent->getAttrOfType<ArrayAttr>("arg_names");
  return cast<StringAttr>(names[argument.getArgNumber()]).getValue();
}

std::pair<SmallVector<Operand>, SmallVector<Operand>> split(AffineMap map, SmallVector<Operand> operands) {
  SmallVector<Operand> symbols(operands.begin() + map.getNumDims(), operands.end());
  operands.resize(map.getNumDims());
  return {operands, symbols};
}

std::string CudaPrinter::affine(AffineMap map, ValueRange operands, tile::Reduce reduce, bool* non_negative) const {
  auto [dims, symbols] = split(map, llvm::map_to_vector(operands, [&](Value value) { return operand(value); }));
  ExpressionPrinter printer(dims, symbols);
  std::string result;
  const char* function = reduce == tile::Reduce::Min ? "min" : "max";
  for (auto expr : map.getResults())
    result = result.empty() ? printer.print(expr) : fmt::format("{}({}, {})", function, result, printer.print(expr));
  if (non_negative) {
    auto holds = [&](AffineExpr expr) { return printer.nonNegative(expr); };
    *non_negative =
        reduce == tile::Reduce::Max ? llvm::any_of(map.getResults(), holds) : llvm::all_of(map.getResults(), holds);
  }
  return result;
}

Operand CudaPrinter::operand(Value value) const {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast<tile::ForOp>(argument.getOwner()->getParentOp());
    // Lengths, counts, rows and keys are not negative; a tile index is at least its loop's lower bound.
    return {argumentName(argument).str(), true, !loop || operand(loop.getBegin()).non_negative};
  }
  Operation& op = *value.getDefiningOp();
  if (auto take = dyn_cast<tile::TakeOp>(op)) {
    auto position = cast<OpResult>(value).getResultNumber();
    auto work = take.getDefinition();
    Operand field = operand(work.getBody().front().back().getOperand(position));
    return {cast<StringAttr>(work.getNames()[position]).getValue().str(), true, field.non_negative};
  }
  Operand result = definition(op);
  if (auto name = label(&op)) {
    result.text = name.getValue().str();
    result.atom = true;
  }
  return result;
}

Operand CudaPrinter::definition(Operation& op) const {
  return llvm::TypeSwitch<Operation*, Operand>(&op)
      .Case([&](tile::IndexOp index) {
        Operand result;
        result.text = affine(index.getMap(), index.getOperands(), index.getReduce(), &result.non_negative);
        result.atom = index.getReduce() != tile::Reduce::Only;
        if (auto constant = dyn_cast<AffineConstantExpr>(index.getMap().getResult(0)); constant && result.atom == false)
          result.constant = constant.getValue(), result.atom = true;
        result.non_negative |= isLength(index);
        return result;
      })
      .Case(
          [&](tile::BlockOp block) { return Operand{"blockIdx." + stringifyAxis(block.getAxis()).str(), true, true}; })
      .Case([&](tile::BlocksOp blocks) {
        return Operand{"gridDim." + stringifyAxis(blocks.getAxis()).str(), true, true};
      })
      .Case([&](tile::RoundsOp rounds) { return Operand{text(rounds.getPieces()) + ".rounds()", true, true}; })
      .Case([&](tile::PieceTileOp tile) {
        return Operand{text(tile.getPieces()) + ".tile(" + text(tile.getRound()) + ")", true, true};
      })
      .Case([&](tile::PieceHeadOp head) {
        return Operand{text(head.getPieces()) + ".head(" + text(head.getRound()) + ")", true, true};
      })
      .Case([&](tile::ElementOp element) {
        return Operand{text(element.getPointer()) + "[" + text(element.getPosition()) + "]", true, true};
      })
      .Case([&](tile::SlotOp slot) {
        return Operand{text(slot.getTiles()) + "[" + text(slot.getRing()) + "(" + text(slot.getTile()) + ")]"};
      })
      .Case(
          [&](tile::ApplyOp apply) { return Operand{text(apply.getLambda()) + "(" + text(apply.getArgument()) + ")"}; })
      .Case([&](tile::PhaseOp phase) {
        return Operand{text(phase.getRing()) + ".phase(" + text(phase.getTile()) + ")" +
                       (phase.getBefore() ? " ^ 1" : "")};
      })
      .Case([&](tile::SelectOp select) {
        return Operand{condition(select.getMap(), select.getInputs()) + " ? " + text(select.getYes()) + " : " +
                           text(select.getNo()),
                       false};
      })
      .Case([&](tile::AtOp at) { return Operand{text(at.getView()) + "(" + text(at.getRow()) + ")"}; })
      .Case([&](tile::Log2eOp) { return Operand{"log2e"}; })
      .Case([&](tile::ConstantOp constant) { return Operand{literal(constant.getValue())}; })
      .Case([&](tile::MulOp mul) { return Operand{text(mul.getLhs()) + " * " + text(mul.getRhs()), false}; })
      .Case([&](tile::SubOp sub) { return Operand{text(sub.getLhs()) + " - " + text(sub.getRhs()), false}; })
      .Case([&](tile::DeviceCall device) { return Operand{call(device)}; })
      .Default([](Operation*) { return Operand{}; });
}

std::string CudaPrinter::call(tile::DeviceCall op) const {
  auto values = llvm::map_to_vector(op->getOperands(), [&](Value value) { return text(value); });
  auto templates =
      llvm::map_to_vector(op.getTemplateArguments(), [](std::int64_t value) { return std::to_string(value); });
  std::string callee = op.getCallee().str();
  if (!templates.empty())
    callee += "<" + llvm::join(templates, ", ") + ">";
  return callee + "(" + llvm::join(values, ", ") + ")";
}

/// A remark at the end of the line.
std::string note(Operation* op) {
  auto text = op->getAttrOfType<StringAttr>("note");
  return text ? " // " + text.str() : "";
}

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
  out_.lambda("const auto " + label(op).str() + " = [=](int " + dims[0].text + ", int key)",
              maskText(op.getSets(), dims, symbols, std::int64_t(op.getGroup())));
}

void CudaPrinter::lambda(tile::LambdaOp op) {
  auto parameters = llvm::map_to_vector(op.getBody().getArguments(), [](BlockArgument argument) {
    return spell(argument.getType()) + " " + argumentName(argument).str();
  });
  auto yield = cast<tile::YieldOp>(op.getBody().front().back());
  out_.lambda("const auto " + label(op).str() + " = [=](" + llvm::join(parameters, ", ") + ")", text(yield.getValue()));
}

std::string CudaPrinter::condition(AffineMap map, ValueRange operands) const {
  auto [dims, symbols] = split(map, llvm::map_to_vector(operands, [&](Value value) { return operand(value); }));
  ExpressionPrinter printer(dims, symbols);
  auto subject = getAffineDimExpr(0, map.getContext());
  auto terms =
      llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) { return printer.condition(expr, false, subject); });
  return llvm::join(terms, " && ");
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
  if (auto ring = dyn_cast<tile::RunningRingOp>(op))
    return out_.line(spell(ring.getType()) + " " + label(ring).str() + "{0};" + note(&op)), success();
  if (auto start = dyn_cast<tile::RingStartOp>(op))
    return out_.line(text(start.getRing()) + ".start(" + text(start.getTile()) + ");"), success();
  if (auto stop = dyn_cast<tile::RingStopOp>(op))
    return out_.line(text(stop.getRing()) + ".stop(" + text(stop.getTile()) + ");"), success();
  if (auto ring = dyn_cast<tile::RingOp>(op)) {
    out_.line("const " + spell(ring.getType()) + " " + label(ring).str() + "{" + text(ring.getFirst()) + "};");
    return success();
  }
  if (auto loop = dyn_cast<tile::ForOp>(op)) {
    std::string i = loop.getIterator().str(), begin = text(loop.getBegin()), end = text(loop.getEnd());
    auto index = loop.getEnd().getDefiningOp<tile::IndexOp>();
    std::string last = end + " - 1"; // of an expression: the expression less one
    if (index && !index.getLabel() && index.getReduce() == tile::Reduce::Only)
      last = affine(
          AffineMap::get(index.getMap().getNumDims(), index.getMap().getNumSymbols(), index.getMap().getResult(0) - 1),
          index.getOperands(), tile::Reduce::Only);
    out_.open(loop.getAscending() ? "for (int " + i + " = " + begin + "; " + i + " < " + end + "; ++" + i + ") {"
                                  : "for (int " + i + " = " + last + "; " + i + " >= " + begin + "; --" + i + ") {");
    if (failed(block(loop.getBody().front())))
      return failure();
    return out_.close(), success();
  }
  if (auto branch = dyn_cast<tile::IfOp>(op)) {
    bool braces = !llvm::hasSingleElement(llvm::make_filter_range(
        branch.getBody().front(), [](Operation& inner) { return !isMemoryEffectFree(&inner); }));
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

} // namespace

llvm::FailureOr<std::string> printCuda(tile::KernelOp kernel) { return CudaPrinter().print(kernel); }

} // namespace attune::emit
