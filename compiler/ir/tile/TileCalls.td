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

// --- asynchronous copies --------------------------------------------------------------------------------------------

def Tile_LoadAsyncOp : Tile_Call<"load_async", "load_async"> {
  let summary = "Starts copying a tile's rows from `first` on; rows at or beyond `limit` become zeros.";
  let arguments = (ins Tile_StType:$destination, Tile_RowsType:$source, Index:$first, Index:$limit);
  let hasVerifier = 1;
}

def Tile_CommitOp : Tile_Call<"cp_async.commit", "cp_async::commit"> {
  let summary = "Closes this thread's group of copies, empty or not.";
}

def Tile_WaitOp : Tile_TemplateCall<"cp_async.wait", "cp_async::wait", "int64_t(getPending())"> {
  let summary = "Waits until at most `pending` groups of this thread are in flight.";
  let arguments = (ins I64Attr:$pending);
  let assemblyFormat = "$pending attr-dict";
}

def Tile_SyncOp : Tile_Call<"block.sync", "block::sync"> {
  let summary = "Barrier over all threads of the block.";
}
#endif
