// The dialect and its types: places in memory, with the shapes that verifiers compare.
#ifndef ATTUNE_IR_TILE_TYPES
#define ATTUNE_IR_TILE_TYPES

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/DialectBase.td"
include "mlir/IR/EnumAttr.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::attune::tile";
  let summary = "A kernel as it will be read: named buffers, loops, and calls of device functions.";
  let description = [{
    Memory semantics: a value of a tile type is a place, and ops write their first operand. An SSA name is the name that
    the CUDA text shows; a value without a name is printed where it is used. Two kinds of op: structure (kernel, loops,
    indices), and device calls, each of which is one function of templates/.
  }];
  let useDefaultTypePrinterParser = 1;
}

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Tile_GlType : Tile_Type<"Gl", "gl"> {
  let summary = "A global tensor with rows of `cols` elements: pointer and batch, row and head strides (`gl<bf16, 128>`).";
  let parameters = (ins "::mlir::Type":$element, "int64_t":$cols);
  let assemblyFormat = "`<` $element `,` $cols `>`";
}

def Tile_TensorMapType : Tile_Type<"TensorMap", "tensor_map"> {
  let summary = "A global tensor of (batch, head, row, `cols`) as TMA sees it, moved in boxes of `box_rows` rows (`tensor_map<bf16, 128>`).";
  let parameters = (ins "::mlir::Type":$element, "int64_t":$cols, "int64_t":$box_rows);
  let assemblyFormat = "`<` $element `,` $cols `,` `box` `=` $box_rows `>`";
}

def Tile_RowsType : Tile_Type<"Rows", "rows"> {
  let summary = "The rows of one head of a global tensor, or of the q heads of one kv head.";
  let parameters = (ins "::mlir::Type":$element, "int64_t":$cols);
  let assemblyFormat = "`<` $element `,` $cols `>`";
}

def Tile_PtrType : Tile_Type<"Ptr", "ptr"> {
  let summary = "A pointer to global memory; as a parameter, to what nobody writes (`const int*`).";
  let parameters = (ins "::mlir::Type":$element);
  let assemblyFormat = "`<` $element `>`";
}

def Tile_StType : Tile_Type<"St", "st"> {
  let summary = "A tile in shared memory, or a ring of `stages` of them (`st<bf16, 64, 128>`).";
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "::mlir::Type":$element,
                        DefaultValuedParameter<"int64_t", "1">:$stages);
  let assemblyFormat = "`<` $rows `,` $cols `,` $element (`,` `stages` `=` $stages^)? `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of all stages.
    int64_t bytes() const { return getStages() * getRows() * getCols() * getElement().getIntOrFloatBitWidth() / 8; }
  }];
}

def Tile_BarrierType : Tile_Type<"Barrier", "barrier"> {
  let summary = "An mbarrier in shared memory, or a ring of `stages` of them (`barrier[2]`).";
  let parameters = (ins DefaultValuedParameter<"int64_t", "1">:$stages);
  let assemblyFormat = "(`<` `stages` `=` $stages^ `>`)?";
  let extraClassDeclaration = "int64_t bytes() const { return getStages() * 8; }";
}

def Tile_FlagType : Tile_Type<"Flag", "flag"> {
  let summary = "A truth in shared memory, 0 or 1: what several warps may raise.";
  let extraClassDeclaration = "int64_t bytes() const { return 4; }";
}

def Tile_PolicyType : Tile_Type<"Policy", "policy"> {
  let summary = "How long the L2 cache keeps what a copy reads (`l2::policy`).";
}

def Tile_RtType : Tile_Type<"Rt", "rt"> {
  let summary = "One warp's tile in registers (`rt<float, 32, 64>`).";
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "::mlir::Type":$element);
  let assemblyFormat = "`<` $rows `,` $cols `,` $element `>`";
  let genVerifyDecl = 1;
}

def Tile_RvType : Tile_Type<"Rv", "rv"> {
  let summary = "One fp32 value per row of a warp's tile (`rv<32>`).";
  let parameters = (ins "int64_t":$rows);
  let assemblyFormat = "`<` $rows `>`";
}

def Tile_RowType : Tile_Type<"Row", "row"> {
  let summary = "One row of fp32 spread over a warp (`combine::row<128>`).";
  let parameters = (ins "int64_t":$cols);
  let assemblyFormat = "`<` $cols `>`";
}

def Tile_RingType : Tile_Type<"Ring", "ring"> {
  let summary = "Where a thread is in a ring, its slot and its phase (`Ring<2>`).";
  let parameters = (ins "int64_t":$stages);
  let assemblyFormat = "`<` $stages `>`";
}

def Tile_PiecesType : Tile_Type<"Pieces", "pieces"> {
  let summary = "The work of a persistent grid, in pieces that blocks take turns at.";
}

def Tile_BoolType : Tile_Type<"Bool", "bool"> {
  let summary = "A truth of this thread, false at first.";
}

def Tile_KeyType : Tile_Type<"Key", "key"> {
  let summary = "A key of a tile, of which a device function knows what is constant (`Key`).";
}

def Tile_LambdaType : Tile_Type<"Lambda", "lambda"> {
  let summary = "A function of rows and keys that a device function is called with: the mask, the score, the sink.";
}

#endif
