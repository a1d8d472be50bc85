#include "compiler/ir/attn/AttnDialect.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "compiler/ir/attn/AttnDialect.cpp.inc"
#include "compiler/ir/attn/AttnEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/ir/attn/AttnTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/attn/AttnAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "compiler/ir/attn/AttnOps.cpp.inc"

namespace attune::attn {

void AttnDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/ir/attn/AttnTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/ir/attn/AttnAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/attn/AttnOps.cpp.inc"
      >();
}

namespace {

/// A mask is a list of sets over (q, k)[sq, sk].
LogicalResult verifyMask(Operation* op, ArrayAttr mask) {
  for (Attribute entry : mask) {
    auto set = dyn_cast<IntegerSetAttr>(entry);
    if (!set)
      return op->emitOpError("expected integer sets in the mask, got ") << entry;
    if (set.getValue().getNumDims() != 2 || set.getValue().getNumSymbols() != 2)
      return op->emitOpError("expected mask sets over (q, k)[sq, sk], got ")
             << set.getValue().getNumDims() << " dims and " << set.getValue().getNumSymbols() << " symbols";
  }
  return success();
}

} // namespace

LogicalResult SpecAttr::verify(function_ref<InFlightDiagnostic()> error, Type dtype, int64_t q_heads, int64_t kv_heads,
                               int64_t head_dim, int64_t head_dim_v, bool, bool, bool, bool, AlibiKind, FloatAttr) {
  if (!dtype.isF16() && !dtype.isBF16() && !isa<Float8E4M3FNType>(dtype))
    return error() << "expected dtype f16, bf16 or f8E4M3FN, got " << dtype;
  if (q_heads <= 0 || kv_heads <= 0 || q_heads % kv_heads != 0)
    return error() << "expected q_heads to be a multiple of kv_heads, got " << q_heads << " and " << kv_heads;
  const int64_t step = 128 / dtype.getIntOrFloatBitWidth(); // in 16 bytes
  for (int64_t dim : {head_dim, head_dim_v})
    if (dim < step || dim > 256 || dim % step != 0)
      return error() << "expected head dims that are multiples of " << step << " from " << step << " to 256, got "
                     << dim;
  return success();
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> error, int64_t q_tile, int64_t kv_tile,
                                   int64_t warps, int64_t stages, bool, bool split_kv, bool warp_specialized,
                                   bool overlap, bool ping_pong, bool persistent, int64_t cluster) {
  if (warps < 1 || warps > 32 || q_tile <= 0 || q_tile % (16 * warps) != 0)
    return error() << "expected q_tile to be a multiple of 16 rows per warp, got " << q_tile << " for " << warps
                   << " warps";
  if (kv_tile <= 0 || kv_tile % 16 != 0)
    return error() << "expected kv_tile to be a multiple of 16, got " << kv_tile;
  if (stages < 1 || stages > 8)
    return error() << "expected 1 to 8 stages, got " << stages;
  if (warp_specialized && (warps % 4 != 0 || q_tile != 16 * warps))
    return error() << "expected warpgroups of four warps with 16 rows each, got " << warps << " warps for " << q_tile
                   << " rows";
  if (warp_specialized && stages < 2)
    return error() << "expected at least 2 stages beside warp_specialized, got " << stages;
  if (!warp_specialized && (overlap || ping_pong))
    return error() << "expected warp_specialized beside overlap and ping_pong, got none";
  if (persistent && (!warp_specialized || split_kv))
    return error() << "expected warp_specialized and no split_kv beside persistent";
  if (cluster != 1 && cluster != 2)
    return error() << "expected a cluster of 1 or 2 blocks, got " << cluster;
  if (cluster != 1 && (!warp_specialized || split_kv || persistent))
    return error() << "expected warp_specialized, without split_kv and persistent, beside a cluster of " << cluster
                   << ", got "
                   << (!warp_specialized ? "none"
                       : split_kv        ? "split_kv"
                                         : "persistent");
  return success();
}

LogicalResult ForwardOp::verify() {
  if (getMask().empty())
    return emitOpError(
        "expected at least one mask set; the empty conjunction `affine_set<(q, k)[sq, sk] : (0 >= 0)>` sees all");
  return verifyMask(*this, getMask());
}

LogicalResult KernelOp::verify() {
  Block& body = getBody().front();
  const bool of_chunk = body.getNumArguments() == 5;
  if (body.getNumArguments() != 3 && !(of_chunk && getSchedule().getSplitKv()))
    return emitOpError("expected arguments row_begin, sq, sk and, if the schedule splits, chunk and split_tiles, got ")
           << body.getNumArguments();
  for (Type type : body.getArgumentTypes())
    if (!type.isIndex())
      return emitOpError("expected index arguments, got ") << type;
  if (getSpec().getDtype().getIntOrFloatBitWidth() == 8) { // only wgmma multiplies them
    if (!getSchedule().getWarpSpecialized())
      return emitOpError("expected a schedule with warp_specialized for 8-bit elements, got ") << getSchedule();
    if (getSchedule().getKvTile() % 32 != 0)
      return emitOpError("expected a kv_tile in multiples of 32 for 8-bit elements, got ") << getSchedule().getKvTile();
  }
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  Block& body = getBody().front();
  const bool of_chunk = body.getNumArguments() == 5;
  for (Operation& op : body)
    if (!isa<AttnDialect>(op.getDialect()))
      return emitOpError("expected only attn ops, got ") << op.getName();
  auto store = body.empty() ? StoreOp() : dyn_cast<StoreOp>(body.back());
  if (!store || llvm::range_size(body.getOps<StoreOp>()) != 1)
    return emitOpError("expected one attn.store, at the end, got ") << llvm::range_size(body.getOps<StoreOp>());
  if (store.getPartial() != of_chunk)
    return store.emitOpError(of_chunk ? "expected `partial` of a chunk of the keys, got the whole"
                                      : "expected the whole, got `partial` in a kernel that has no chunk");
  return verifyChain(store);
}

/// One chain of states from attn.identity or attn.merge to the store; later key tiles first, and none left out.
LogicalResult KernelOp::verifyChain(StoreOp store) {
  Value from = store.getState();
  FoldOp later;
  size_t folds = 0;
  while (auto fold = from.getDefiningOp<FoldOp>()) { // not `for`: GCC ends such a variable ahead of the last clause
    if (later && fold.getBegin() != later.getEnd())
      return later.emitOpError("expected to end where the fold before begins");
    if (later && fold.getGaps() != later.getGaps())
      return later.emitOpError("expected the gaps of the fold before");
    later = fold, from = fold.getState(), ++folds;
  }
  if (folds != llvm::range_size(getBody().getOps<FoldOp>()))
    return emitOpError("expected each state to be used once: one chain of folds, got ")
           << llvm::range_size(getBody().getOps<FoldOp>()) << " folds, " << folds
           << " of them in the chain of the store";
  if (from.getDefiningOp<MergeOp>() && (folds > 0 || !getSchedule().getSplitKv()))
    return emitOpError("expected attn.merge alone, in a kernel whose schedule splits");
  return success();
}

void KernelOp::getAsmBlockArgumentNames(Region& region, OpAsmSetValueNameFn set_name) {
  constexpr const char* names[] = {"row_begin", "sq", "sk", "chunk", "split_tiles"};
  for (auto [argument, name] : llvm::zip(region.getArguments(), names))
    set_name(argument, name);
}

LogicalResult BoundOp::verify() {
  if (getMap().getNumInputs() != getOperands().size())
    return emitOpError("expected an operand per input of the map, got ")
           << getOperands().size() << " for " << getMap().getNumInputs();
  if (getReduce() == Reduce::Only && getMap().getNumResults() != 1)
    return emitOpError("expected one result without `reduce`, got ") << getMap().getNumResults();
  return success();
}

void BoundOp::getAsmResultNames(OpAsmSetValueNameFn set_name) {
  if (auto label = getLabel())
    set_name(getResult(), *label);
}

LogicalResult FoldOp::verify() {
  if ((getTiles() == Tiles::Full) == bool(getMask()))
    return emitOpError(getMask() ? "expected no mask on full tiles" : "expected a mask on tiles that are not full");
  if (getGaps().size() % 2)
    return emitOpError("expected gaps as pairs of first tile and number of tiles, got ")
           << getGaps().size() << " values";
  return getMask() ? verifyMask(*this, *getMask()) : success();
}

} // namespace attune::attn
