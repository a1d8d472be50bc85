// Verifiers of device calls: shapes that must agree, with both in the message.
#include "compiler/ir/tile/TileDialect.h"

using namespace mlir;

namespace attune::tile {

template <class Op>
static LogicalResult verifyView(Op op) {
  Type tensor = op.getTensor().getType();
  auto rows_of = [&](auto type) { return RowsType::get(op.getContext(), type.getElement(), type.getCols()); };
  auto map = dyn_cast<TensorMapType>(tensor);
  RowsType expected = map ? rows_of(map) : rows_of(cast<GlType>(tensor));
  if (op.getResult().getType() != expected)
    return op.emitOpError() << "expected " << expected << " of " << tensor << ", got " << op.getResult().getType();
  return success();
}
LogicalResult RowsOp::verify() { return verifyView(*this); }
LogicalResult RowsFromOp::verify() { return verifyView(*this); }
LogicalResult PackedRowsOp::verify() { return verifyView(*this); }
LogicalResult PackedRowsFromOp::verify() { return verifyView(*this); }

template <class Type>
static std::string shape(Type type) {
  return std::to_string(type.getRows()) + "x" + std::to_string(type.getCols());
}

template <class Op>
static LogicalResult verifyMmABt(Op op) {
  auto result = op.getResultTile().getType();
  auto a = op.getA().getType(), b = op.getB().getType();
  if (a.getStages() != 1 || b.getStages() != 1)
    return op.emitOpError() << "expected one slot of each ring, got " << a << " and " << b;
  if (a.getCols() != b.getCols() || a.getElement() != b.getElement())
    return op.emitOpError() << "expected A and B with the same columns and element, got " << a << " and " << b;
  if (result.getCols() != b.getRows() || a.getRows() % result.getRows())
    return op.emitOpError() << "expected a result of a warp's rows of A by " << b.getRows() << ", got " << shape(result)
                            << " for A of " << shape(a);
  return success();
}
LogicalResult MmABtOp::verify() { return verifyMmABt(*this); }
LogicalResult MmABtRolledOp::verify() { return verifyMmABt(*this); }
LogicalResult MmABtAsyncOp::verify() { return verifyMmABt(*this); }

template <class Op>
static LogicalResult verifyMmaAB(Op op) {
  auto result = op.getResultTile().getType();
  auto a = op.getA().getType();
  auto b = op.getB().getType();
  if (b.getStages() != 1)
    return op.emitOpError() << "expected one slot of the ring, got " << b;
  if (a.getCols() != b.getRows())
    return op.emitOpError() << "expected B with " << a.getCols() << " rows, as A has columns, got " << shape(b);
  auto padded = [&](unsigned to) { return std::int64_t(llvm::alignTo(result.getCols(), to)); };
  if (result.getRows() != a.getRows() || (padded(16) != b.getCols() && padded(32) != b.getCols()))
    return op.emitOpError() << "expected a result of " << a.getRows() << "x" << b.getCols() << ", got "
                            << shape(result);
  return success();
}
LogicalResult MmaABOp::verify() { return verifyMmaAB(*this); }
LogicalResult MmaABAsyncOp::verify() { return verifyMmaAB(*this); }

LogicalResult MmaABtAsyncOp::verify() {
  auto result = getResultTile().getType(), a = getA().getType();
  auto b = getB().getType();
  if (b.getStages() != 1)
    return emitOpError() << "expected one slot of the ring, got " << b;
  if (a.getCols() != b.getCols() || a.getElement() != b.getElement())
    return emitOpError() << "expected A and B with the same columns and element, got " << a << " and " << b;
  if (result.getRows() != a.getRows() || result.getCols() != b.getRows())
    return emitOpError() << "expected a result of " << a.getRows() << "x" << b.getRows() << ", got " << shape(result);
  return success();
}

template <class Op>
static LogicalResult verifyTranspose(Op op) {
  auto v_t = op.getVT().getType(), v = op.getV().getType();
  if (v_t.getStages() != 1 || v.getStages() != 1)
    return op.emitOpError() << "expected one slot of each ring, got " << v_t << " and " << v;
  if (v_t.getRows() != v.getCols() || v_t.getCols() != v.getRows())
    return op.emitOpError() << "expected a tile of " << v.getCols() << "x" << v.getRows() << ", got " << shape(v_t);
  if (v.getElement().getIntOrFloatBitWidth() != 8 || v_t.getElement() != v.getElement())
    return op.emitOpError() << "expected 8-bit elements, got " << v_t.getElement() << " and " << v.getElement();
  return success();
}
LogicalResult TransposeOp::verify() { return verifyTranspose(*this); }
LogicalResult TransposeFiniteOp::verify() { return verifyTranspose(*this); }

LogicalResult BlockMakeFiniteOp::verify() {
  if (getTile().getType().getStages() != 1)
    return emitOpError() << "expected one slot of the ring, got " << getTile().getType();
  return success();
}
LogicalResult BlockAddNonfiniteOp::verify() {
  auto o = getO().getType(), v = getV().getType();
  if (o.getCols() != v.getCols())
    return emitOpError() << "expected rows of O as long as those of V, got " << o << " and " << v;
  return success();
}

LogicalResult ConvertOp::verify() {
  auto to = getResultTile().getType(), from = getA().getType();
  if (shape(to) != shape(from))
    return emitOpError() << "expected tiles of one shape, got " << shape(to) << " and " << shape(from);
  if (!from.getElement().isF32())
    return emitOpError() << "expected f32 accumulators, got " << from.getElement();
  return success();
}

LogicalResult WarpStoreOp::verify() {
  bool global = isa<RowsType>(getDestination().getType());
  if (global != bool(getFirst()) || global != bool(getLimit()))
    return emitOpError() << "expected a range of rows for global memory and none for shared, got "
                         << getDestination().getType();
  return success();
}

LogicalResult StepOp::verify() {
  auto rows = getScores().getType().getRows();
  for (auto vector : {getRowMax(), getRowSum(), getRescale()})
    if (vector.getType().getRows() != rows)
      return emitOpError() << "expected vectors of " << rows << " rows, got " << vector.getType();
  return success();
}

} // namespace attune::tile
