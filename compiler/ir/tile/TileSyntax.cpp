// Custom parts of the textual form: names taken from SSA ids, affine expressions over SSA ids, regions.
#include "compiler/ir/tile/TileDialect.h"

#include "mlir/IR/OpImplementation.h"

#include <cctype>

using namespace mlir;

namespace attune::tile {

/// `%q_begin = tile.index` is labelled "q_begin"; `%0 = tile.index` has no label.
static ParseResult parseResultLabel(OpAsmParser& parser, StringAttr& label) {
  StringRef name = parser.getResultName(0).first;
  if (!name.empty() && !std::isdigit(static_cast<unsigned char>(name.front())))
    label = parser.getBuilder().getStringAttr(name);
  return success();
}
static void printResultLabel(OpAsmPrinter&, Operation*, StringAttr) {}

static StringAttr argumentName(OpAsmParser& parser, const OpAsmParser::Argument& argument) {
  return parser.getBuilder().getStringAttr(argument.ssaName.name.drop_front()); // without the %
}

// --- kernel

ParseResult KernelOp::parse(OpAsmParser& parser, OperationState& result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  Attribute threads, grid, header;
  auto& builder = parser.getBuilder();
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name), result.attributes) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren, /*allowType=*/true) ||
      parser.parseKeyword("threads") || parser.parseAttribute(threads, builder.getI64Type()) ||
      parser.parseKeyword("grid") || parser.parseAttribute(grid))
    return failure();
  result.addAttribute(getThreadsAttrName(result.name), threads);
  result.addAttribute(getGridAttrName(result.name), grid);
  if (succeeded(parser.parseOptionalKeyword("shared"))) {
    Attribute bytes;
    if (parser.parseAttribute(bytes, builder.getI64Type()))
      return failure();
    result.addAttribute(getSharedBytesAttrName(result.name), bytes);
  }
  SmallVector<Attribute> names;
  for (const auto& argument : arguments)
    names.push_back(argumentName(parser, argument));
  result.addAttribute(getArgNamesAttrName(result.name), builder.getArrayAttr(names));
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  Region* body = result.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  if (body->empty())
    body->emplaceBlock();
  return success();
}

void KernelOp::print(OpAsmPrinter& printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << '(';
  llvm::interleaveComma(getBody().getArguments(), printer,
                        [&](BlockArgument arg) { printer.printRegionArgument(arg); });
  printer << ") threads " << getThreads() << " grid " << getGrid();
  if (auto bytes = getSharedBytes())
    printer << " shared " << *bytes;
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getSymNameAttrName(), getThreadsAttrName(), getGridAttrName(), getArgNamesAttrName(), getSharedBytesAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void KernelOp::getAsmBlockArgumentNames(Region& region, OpAsmSetValueNameFn set_name) {
  for (auto [argument, name] : llvm::zip(region.getArguments(), getArgNames().getAsRange<StringAttr>()))
    set_name(argument, name);
}

// --- lambda

ParseResult LambdaOp::parse(OpAsmParser& parser, OperationState& result) {
  StringAttr label;
  SmallVector<OpAsmParser::Argument> arguments;
  if (parseResultLabel(parser, label) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren, /*allowType=*/true))
    return failure();
  if (label)
    result.addAttribute(getLabelAttrName(result.name), label);
  SmallVector<Attribute> names;
  for (const auto& argument : arguments)
    names.push_back(argumentName(parser, argument));
  result.addAttribute(getArgNamesAttrName(result.name), parser.getBuilder().getArrayAttr(names));
  result.addTypes(LambdaType::get(parser.getContext()));
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

void LambdaOp::print(OpAsmPrinter& printer) {
  printer << '(';
  llvm::interleaveComma(getBody().getArguments(), printer,
                        [&](BlockArgument arg) { printer.printRegionArgument(arg); });
  printer << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getLabelAttrName(), getArgNamesAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void LambdaOp::getAsmBlockArgumentNames(Region& region, OpAsmSetValueNameFn set_name) {
  for (auto [argument, name] : llvm::zip(region.getArguments(), getArgNames().getAsRange<StringAttr>()))
    set_name(argument, name);
}

// --- affine expressions

/// `[%q_tile * 128, %sk ceildiv 64]`
static ParseResult parseAffine(OpAsmParser& parser, OperationState& result, StringAttr map_name) {
  Attribute map;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  if (parser.parseAffineMapOfSSAIds(operands, map, map_name, result.attributes, OpAsmParser::Delimiter::Square))
    return failure();
  return parser.resolveOperands(operands, parser.getBuilder().getIndexType(), result.operands);
}

ParseResult IndexOp::parse(OpAsmParser& parser, OperationState& result) {
  StringAttr label;
  if (parseResultLabel(parser, label))
    return failure();
  if (label)
    result.addAttribute(getLabelAttrName(result.name), label);
  auto reduce = Reduce::Only;
  if (succeeded(parser.parseOptionalKeyword("min")))
    reduce = Reduce::Min;
  else if (succeeded(parser.parseOptionalKeyword("max")))
    reduce = Reduce::Max;
  result.addAttribute(getReduceAttrName(result.name), ReduceAttr::get(parser.getContext(), reduce));
  result.addTypes(parser.getBuilder().getIndexType());
  return failure(parseAffine(parser, result, getMapAttrName(result.name)) ||
                 parser.parseOptionalAttrDict(result.attributes));
}

void IndexOp::print(OpAsmPrinter& printer) {
  if (getReduce() != Reduce::Only)
    printer << ' ' << stringifyReduce(getReduce());
  printer << " [";
  printer.printAffineMapOfSSAIds(getMapAttr(), getOperands());
  printer << ']';
  printer.printOptionalAttrDict((*this)->getAttrs(), {getLabelAttrName(), getMapAttrName(), getReduceAttrName()});
}

// --- control

ParseResult ForOp::parse(OpAsmParser& parser, OperationState& result) {
  OpAsmParser::Argument iterator;
  OpAsmParser::UnresolvedOperand from, to;
  auto index = parser.getBuilder().getIndexType();
  if (parser.parseArgument(iterator) || parser.parseKeyword("from") || parser.parseOperand(from))
    return failure();
  bool ascending = succeeded(parser.parseOptionalKeyword("up"));
  if ((!ascending && parser.parseKeyword("down")) || parser.parseKeyword("to") || parser.parseOperand(to))
    return failure();
  iterator.type = index;
  result.addAttribute(getIteratorAttrName(result.name), argumentName(parser, iterator));
  if (ascending)
    result.addAttribute(getAscendingAttrName(result.name), parser.getBuilder().getUnitAttr());
  // Operands are begin, end; a descending loop is written from its end.
  if (parser.resolveOperand(ascending ? from : to, index, result.operands) ||
      parser.resolveOperand(ascending ? to : from, index, result.operands) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  Region* body = result.addRegion();
  return parser.parseRegion(*body, iterator);
}

void ForOp::print(OpAsmPrinter& printer) {
  printer << ' ' << getTile() << " from " << (getAscending() ? getBegin() : getEnd())
          << (getAscending() ? " up to " : " down to ") << (getAscending() ? getEnd() : getBegin());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getIteratorAttrName(), getAscendingAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void ForOp::getAsmBlockArgumentNames(Region& region, OpAsmSetValueNameFn set_name) {
  set_name(region.getArgument(0), getIterator());
}

ParseResult IfOp::parse(OpAsmParser& parser, OperationState& result) {
  if (parseAffine(parser, result, getMapAttrName(result.name)) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  Region* body = result.addRegion();
  return parser.parseRegion(*body);
}

void IfOp::print(OpAsmPrinter& printer) {
  printer << " [";
  printer.printAffineMapOfSSAIds(getMapAttr(), getOperands());
  printer << ']';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getMapAttrName()});
  printer << ' ';
  printer.printRegion(getBody());
}

} // namespace attune::tile

#define GET_OP_CLASSES
#include "compiler/ir/tile/TileOps.cpp.inc"
