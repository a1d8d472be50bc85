// Types, and what an op computes, as C++ expressions.
#include "compiler/emit/Printer.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#include <fmt/format.h>

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

std::string literal(const llvm::APFloat& value) {
  llvm::SmallString<16> digits;
  value.toString(digits, /*FormatPrecision=*/9, /*FormatMaxPadding=*/6, /*TruncateZero=*/false);
  std::string text = digits.str().str();
  if (text.find_first_of(".eE") == std::string::npos)
    text += ".0";
  return text + "f";
}

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

std::pair<SmallVector<Operand>, SmallVector<Operand>> split(AffineMap map, SmallVector<Operand> operands) {
  SmallVector<Operand> symbols(operands.begin() + map.getNumDims(), operands.end());
  operands.resize(map.getNumDims());
  return {operands, symbols};
}

} // namespace

std::string arguments(const std::string& name, std::initializer_list<std::string> list) {
  return name + "<" + llvm::join(list, ", ") + ">";
}

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
      .Case([](tile::KeyType) { return std::string("Key"); })
      .Case([](FloatType) { return std::string("float"); })
      .Case([](IndexType) { return std::string("int"); })
      .Default([](Type) { return std::string("auto"); });
}

StringAttr label(Operation* op) { return op->getAttrOfType<StringAttr>("label"); }

StringRef argumentName(BlockArgument argument) {
  Operation* parent = argument.getOwner()->getParentOp();
  if (auto loop = dyn_cast<tile::ForOp>(parent))
    return loop.getIterator();
  if (isa<tile::WorkOp>(parent))
    return "round";
  auto names = parent->getAttrOfType<ArrayAttr>("arg_names");
  return cast<StringAttr>(names[argument.getArgNumber()]).getValue();
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
        std::string ahead = slot.getAhead() == 0 ? "" : std::to_string(std::int64_t(slot.getAhead()));
        return Operand{text(slot.getTiles()) + "[" + text(slot.getRing()) + ".slot(" + ahead + ")]"};
      })
      .Case(
          [&](tile::ApplyOp apply) { return Operand{text(apply.getLambda()) + "(" + text(apply.getArgument()) + ")"}; })
      .Case([&](tile::PhaseOp phase) {
        return Operand{text(phase.getRing()) + (phase.getAhead() == 0 ? ".phase()" : ".phase(1)") +
                       (phase.getBefore() ? " ^ 1" : "")};
      })
      .Case([&](tile::SelectOp select) {
        auto bracketed = [](const std::string& text, bool needed) { return needed ? "(" + text + ")" : text; };
        auto when = bracketed(condition(select.getMap(), select.getInputs()), select.getMap().getNumResults() > 1);
        auto yes = bracketed(text(select.getYes()), isa<tile::SelectOp>(select.getYes().getDefiningOp()));
        return Operand{when + " ? " + yes + " : " + text(select.getNo()), false};
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

std::string CudaPrinter::condition(AffineMap map, ValueRange operands) const {
  auto [dims, symbols] = split(map, llvm::map_to_vector(operands, [&](Value value) { return operand(value); }));
  ExpressionPrinter printer(dims, symbols);
  auto subject = getAffineDimExpr(0, map.getContext());
  auto terms =
      llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) { return printer.condition(expr, false, subject); });
  return llvm::join(terms, " || ");
}

} // namespace attune::emit
