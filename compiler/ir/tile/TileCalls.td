// One op, one function of templates/. To add a function: a record here, the function there; the printer stays as it is.
#ifndef ATTUNE_IR_TILE_CALLS
#define ATTUNE_IR_TILE_CALLS

include "compiler/ir/tile/TileOps.td"

/// A statement `callee(operands);`.
class Tile_Call<string mnemonic, string callee, list<Trait> traits = []>
    : Tile_Op<mnemonic, traits # [DeclareOpInterfaceMethods<DeviceCallInterface>]> {
  code calleeDefinition = "llvm::StringRef $cppClass::getCallee() { return \"" # callee # "\"; }";
  let extraClassDefinition = calleeDefinition;
  let assemblyFormat = "operands attr-dict `:` type(operands)";
}

/// A call with template arguments, spelled as C++ expressions.
class Tile_TemplateCall<string mnemonic, string callee, string values, list<Trait> traits = []>
    : Tile_Call<mnemonic, callee, traits # [DeclareOpInterfaceMethods<DeviceCallInterface, ["getTemplateArguments"]>]> {
  let extraClassDefinition = calleeDefinition #
    "llvm::SmallVector<int64_t> $cppClass::getTemplateArguments() { return {" # values # "}; }";
}

/// A call that returns a value: a definition if it has a name, else written where it is used.
class Tile_ValueCall<string mnemonic, string callee, Type result_type, list<Trait> traits = [Pure]>
    : Tile_Call<mnemonic, callee, traits # [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let results = (outs result_type:$result);
  let extraClassDefinition = !strconcat(calleeDefinition, Tile_NamedDefinition);
  let assemblyFormat = "`` custom<ResultLabel>($label) operands attr-dict `:` functional-type(operands, results)";
}

// --- views of global memory -----------------------------------------------------------------------------------------

class Tile_View<string callee> : Tile_ValueCall<callee, callee, Tile_RowsType> {
  let arguments = (ins OptionalAttr<StrAttr>:$label, AnyTypeOf<[Tile_GlType, Tile_TensorMapType]>:$tensor, Index:$first, Index:$head);
  let hasVerifier = 1;
}
def Tile_RowsOp : Tile_View<"rows"> { let summary = "Rows of `head` in batch entry `first`."; }
def Tile_RowsFromOp : Tile_View<"rows_from"> { let summary = "Varlen: rows of `head` from row `first` of the packed tensor on."; }

class Tile_PackedView<string callee>
    : Tile_ValueCall<callee, callee, Tile_RowsType, [Pure, DeclareOpInterfaceMethods<DeviceCallInterface, ["getTemplateArguments"]>]> {
  let arguments = (ins OptionalAttr<StrAttr>:$label, Tile_GlType:$tensor, Index:$first, Index:$kv_head, I64Attr:$group);
  let extraClassDefinition = !strconcat(calleeDefinition, Tile_NamedDefinition,
    "llvm::SmallVector<int64_t> $cppClass::getTemplateArguments() { return {int64_t(getGroup())}; }");
  let assemblyFormat = [{
    `` custom<ResultLabel>($label) operands `group` $group attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}
def Tile_PackedRowsOp : Tile_PackedView<"packed_rows"> {
  let summary = "Rows of all q heads of a kv head: row r is query r / group of head r % group.";
}
def Tile_PackedRowsFromOp : Tile_PackedView<"packed_rows_from"> { let summary = "packed_rows of a varlen tensor."; }

// --- block: copies and barriers -------------------------------------------------------------------------------------

def Tile_LoadAsyncOp : Tile_Call<"block.load_async", "block::load_async"> {
  let summary = "Starts copying a tile's rows from `first` on; rows at or beyond `limit`, if there is one, become zeros.";
  let arguments = (ins Tile_StType:$destination, Tile_RowsType:$source, Index:$first, Optional<Index>:$limit);
  let hasVerifier = 1;
}
def Tile_BlockStoreOp : Tile_Call<"block.store", "block::store"> {
  let summary = "Writes rows [first, limit) of a shared tile to global memory.";
  let arguments = (ins Tile_RowsType:$destination, Tile_StType:$source, Index:$first, Index:$limit);
  let hasVerifier = 1;
}
def Tile_BlockMakeFiniteOp : Tile_Call<"block.make_finite", "block::make_finite"> {
  let summary = "Clamps NaN and infinities in what this thread copied of a tile; `found` becomes true if there were any.";
  let description = [{
    Between the wait for the copy and the barrier after it.
  }];
  let arguments = (ins Tile_StType:$tile, Tile_BoolType:$found);
  let hasVerifier = 1;
}
def Tile_BlockAddNonfiniteOp : Tile_Call<"block.add_nonfinite", "block::add_nonfinite"> {
  let summary = "If `found`: rows [first, end) of O, just stored, += the NaN and infinite values of keys [first_key, end_key) of V that they see.";
  let arguments = (ins Tile_RowsType:$o, Tile_BoolType:$found, Tile_RowsType:$v, Index:$first_key, Index:$end_key,
                       Index:$first, Index:$end, Tile_LambdaType:$visible);
  let hasVerifier = 1;
}
def Tile_SyncOp : Tile_Call<"block.sync", "block::sync"> {
  let summary = "Barrier over all threads of the block.";
  let assemblyFormat = "attr-dict";
}
def Tile_CommitOp : Tile_Call<"cp_async.commit", "cp_async::commit"> {
  let summary = "Closes this thread's group of copies, empty or not.";
  let assemblyFormat = "attr-dict";
}
def Tile_WaitOp : Tile_TemplateCall<"cp_async.wait", "cp_async::wait", "int64_t(getPending())"> {
  let summary = "Waits until at most `pending` groups of this thread are in flight.";
  let arguments = (ins I64Attr:$pending);
  let assemblyFormat = "$pending attr-dict";
}

// --- warp: matrix products and register tiles -----------------------------------------------------------------------

class Tile_MmABt<string name> : Tile_Call<"warp." # name, "warp::" # name> {
  let arguments = (ins Tile_RtType:$result_tile, Tile_StType:$a, Tile_StType:$b);
  let hasVerifier = 1;
}
def Tile_MmABtOp : Tile_MmABt<"mm_ABt"> { let summary = "result = A B^T for the warp's rows of A."; }
def Tile_MmABtRolledOp : Tile_MmABt<"mm_ABt_rolled"> { let summary = "mm_ABt in less code, for tiles that are few."; }
def Tile_MmaABOp : Tile_Call<"warp.mma_AB", "warp::mma_AB"> {
  let summary = "result += A B.";
  let arguments = (ins Tile_RtType:$result_tile, Tile_RtType:$a, Tile_StType:$b);
  let hasVerifier = 1;
}
def Tile_MulRowOp : Tile_Call<"warp.mul_row", "warp::mul_row"> {
  let summary = "Multiplies each row by its factor.";
  let arguments = (ins Tile_RtType:$result_tile, Tile_RtType:$a, Tile_RvType:$factors);
}
def Tile_WarpMulOp : Tile_Call<"warp.mul", "warp::mul"> {
  let summary = "Multiplies all elements by one factor.";
  let arguments = (ins Tile_RtType:$result_tile, Tile_RtType:$a, F32:$factor);
}
def Tile_ConvertOp : Tile_Call<"warp.convert", "warp::convert"> {
  let summary = "Accumulators become an operand of the next product.";
  let arguments = (ins Tile_RtType:$result_tile, Tile_RtType:$a);
  let hasVerifier = 1;
}
def Tile_WarpStoreOp : Tile_Call<"warp.store", "warp::store", [AttrSizedOperandSegments]> {
  let summary = "The warp's rows: to a shared tile, or rows [first, limit) straight to global memory.";
  let arguments = (ins AnyTypeOf<[Tile_StType, Tile_RowsType]>:$destination, AnyTypeOf<[Tile_RtType, Tile_RvType]>:$source,
                       Optional<Index>:$first, Optional<Index>:$limit);
  let assemblyFormat = [{
    $destination `,` $source (`rows` `[` $first^ `,` $limit `)`)? attr-dict `:` type($destination) `,` type($source)
  }];
  let hasVerifier = 1;
}

// --- softmax --------------------------------------------------------------------------------------------------------

def Tile_ResetOp : Tile_Call<"softmax.reset", "softmax::reset"> {
  let summary = "The state of rows that have seen no key.";
  let arguments = (ins Tile_RtType:$out, Tile_RvType:$row_max, Tile_RvType:$row_sum);
}
class Tile_EachScore<string name> : Tile_Call<"softmax." # name, "softmax::" # name> {
  let arguments = (ins Tile_RtType:$scores, Index:$first_row, Index:$first_key, Tile_LambdaType:$function);
}
def Tile_ModifyOp : Tile_EachScore<"modify"> { let summary = "scores = function(score, row, key)."; }
def Tile_MaskOp : Tile_EachScore<"mask"> { let summary = "Scores where function(row, key) is false become -inf."; }
/// Weights and sums are 2^log2 times exp(score - maximum): so small ones fit a narrow element.
class Tile_Weights<string mnemonic, string callee, list<Trait> traits = []>
    : Tile_Call<mnemonic, callee, traits # [DeclareOpInterfaceMethods<DeviceCallInterface, ["getTemplateArguments"]>]> {
  let extraClassDefinition = calleeDefinition # [{
    llvm::SmallVector<int64_t> $cppClass::getTemplateArguments() {
      return llvm::SmallVector<int64_t>(getLog2() ? 1 : 0, int64_t(getLog2()));
    }
  }];
}
def Tile_StepOp : Tile_Weights<"softmax.step", "softmax::step"> {
  let summary = "New maxima, weights in place of scores, sums, and rescale factors.";
  let arguments = (ins Tile_RtType:$scores, Tile_RvType:$row_max, Tile_RvType:$row_sum, Tile_RvType:$rescale, F32:$scale_log2,
                       DefaultValuedAttr<I64Attr, "0">:$log2);
  let hasVerifier = 1;
}
def Tile_NormalizeOp : Tile_Weights<"softmax.normalize", "softmax::normalize", [AttrSizedOperandSegments]> {
  let summary = "out / row_sum and the natural log of the denominator, which a sink may join.";
  let arguments = (ins Tile_RtType:$out, Tile_RvType:$row_lse, Tile_RvType:$row_max, Tile_RvType:$row_sum,
                       Optional<Index>:$first_row, Optional<Tile_LambdaType>:$sink, DefaultValuedAttr<I64Attr, "0">:$log2);
  let assemblyFormat = [{
    $out `,` $row_lse `,` $row_max `,` $row_sum (`sink` $first_row^ `,` $sink)? attr-dict
    `:` type($out) `,` type($row_lse) `,` type($row_max) `,` type($row_sum)
  }];
}

def Tile_StoreUnseenOp : Tile_TemplateCall<"softmax.store_unseen", "softmax::store_unseen", "int64_t(getRows())"> {
  let summary = "The LSE, -inf, of rows [first, first + rows) below `limit`, which have seen no key.";
  let arguments = (ins I64Attr:$rows, Tile_RowsType:$lse, Index:$first, Index:$limit);
  let assemblyFormat = "$rows `,` $lse `[` $first `,` $limit `)` attr-dict `:` type($lse)";
}

// --- scores, inside a lambda ----------------------------------------------------------------------------------------

def Tile_SoftcapOp : Tile_ValueCall<"softcap", "softcap", F32> {
  let summary = "cap * tanh(score / cap)";
  let arguments = (ins OptionalAttr<StrAttr>:$label, F32:$score, F32:$cap);
}
def Tile_DistanceOp : Tile_ValueCall<"distance", "distance", F32> {
  let summary = "|query - key|";
  let arguments = (ins OptionalAttr<StrAttr>:$label, Index:$query, Tile_KeyType:$key);
}

// --- key tiles, inside a lambda ----------------------------------------------------------------------------------------

def Tile_SkipOp : Tile_ValueCall<"skip", "skip", Index> {
  let summary = "Tile j of those that are left without [gap_begin, gap_begin + gap).";
  let arguments = (ins OptionalAttr<StrAttr>:$label, Index:$j, Index:$gap_begin, Index:$gap);
}

def Tile_WarpUniformOp : Tile_ValueCall<"warp.uniform", "warp::uniform", Index, []> {
  let summary = "The same number, of which ptxas then knows that it is one for the warp. All lanes take part, so it is not Pure.";
  let arguments = (ins OptionalAttr<StrAttr>:$label, Index:$value);
}

// --- combine: one warp merges the chunks of one row ------------------------------------------------------------------

def Tile_WarpIndexOp : Tile_ValueCall<"warp.index", "warp::index", Index> {
  let summary = "This thread's warp in the block.";
  let arguments = (ins OptionalAttr<StrAttr>:$label);
}
def Tile_CombineFoldOp : Tile_ValueCall<"combine.fold", "combine::fold", F32, []> {
  let summary = "out = the merged row of all chunks; returns its LSE.";
  let arguments = (ins OptionalAttr<StrAttr>:$label, Tile_RowType:$out, Tile_LambdaType:$partial, Tile_LambdaType:$lse,
                       Index:$splits);
}
def Tile_CombineAddSinkOp : Tile_ValueCall<"combine.add_sink", "combine::add_sink", F32, []> {
  let summary = "The sink joins the denominator of a merged row; returns the new LSE.";
  let arguments = (ins OptionalAttr<StrAttr>:$label, Tile_RowType:$out, F32:$lse, F32:$sink);
}
def Tile_CombineStoreOp : Tile_Call<"combine.store", "combine::store"> {
  let summary = "Writes a merged row, or its LSE.";
  let arguments = (ins Tile_PtrType:$to, AnyTypeOf<[Tile_RowType, F32]>:$value);
}
#endif
