// Structure of a kernel. Everything else is a device call: TileCalls.td.
#ifndef ATTUNE_IR_TILE_OPS
#define ATTUNE_IR_TILE_OPS

include "compiler/ir/tile/TileInterfaces.td"
include "compiler/ir/tile/TileTypes.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

defvar Tile_NamedDefinition = [{
  void $cppClass::getAsmResultNames(mlir::OpAsmSetValueNameFn set_name) {
    if (auto label = getLabel())
      set_name(getResult(), *label);
  }
}];

/// An op whose result has a name in the CUDA text, written as the SSA name: `%q_begin = tile.index [...]`.
class Tile_Named<string mnemonic, list<Trait> traits = []>
    : Tile_Op<mnemonic, traits # [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let extraClassDefinition = Tile_NamedDefinition;
}

// --- kernel ---------------------------------------------------------------------------------------------------------

def Tile_KernelOp : Tile_Op<"kernel", [IsolatedFromAbove, Symbol, NoTerminator, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "One __global__ function.";
  let description = [{
    Argument names are parameter names. `header` is the comment above the kernel, one line each. `grid` names the
    factors of each grid dimension for the manifest. `shared_bytes` is set by tile-allocate-shared. `warpgroups` compute, in a
    kernel with roles; the last warpgroup of `threads` is the producer. `cluster` blocks along x run together, if there is one.

    ```mlir
    tile.kernel @copy(%q: !tile.gl<bf16>, %sq: index) threads 128 grid [["QTiles"], ["QHeads"], ["Batch"]] {
      ...
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$arg_names, I64Attr:$threads, ArrayAttr:$grid,
                       DefaultValuedOptionalAttr<StrArrayAttr, "{}">:$header, OptionalAttr<I64Attr>:$shared_bytes, OptionalAttr<I64Attr>:$warpgroups,
                       OptionalAttr<I64Attr>:$cluster);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tile_SectionOp : Tile_Op<"section"> {
  let summary = "Starts a paragraph: a blank line, and a comment if there is a text.";
  let arguments = (ins OptionalAttr<StrAttr>:$text);
  let assemblyFormat = "($text^)? attr-dict";
}

def Tile_ReturnOp : Tile_Op<"return"> {
  let summary = "Ends this thread's kernel.";
  let assemblyFormat = "attr-dict";
}

def Tile_ContinueOp : Tile_Op<"continue"> {
  let summary = "On to the next visit of the loop.";
  let assemblyFormat = "attr-dict";
}

// --- places ---------------------------------------------------------------------------------------------------------

def Tile_AnyPlace : AnyTypeOf<[Tile_StType, Tile_BarrierType, Tile_FlagType, Tile_RtType, Tile_RvType, Tile_RowType, Tile_BoolType]>;
def Tile_AnySlots : AnyTypeOf<[Tile_StType, Tile_BarrierType]>;

def Tile_AllocOp : Tile_Named<"alloc"> {
  let summary = "Declares a tile in registers, or a tile or barrier in shared memory, at `offset` bytes once tile-allocate-shared has run.";
  let arguments = (ins OptionalAttr<StrAttr>:$label, OptionalAttr<I64Attr>:$offset);
  let results = (outs Tile_AnyPlace:$result);
  let assemblyFormat = "`` custom<ResultLabel>($label) (`at` $offset^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_RingOp : Tile_Named<"ring"> {
  let summary = "Where a thread is in a ring, from its first slot on: `Ring<2> ring;`.";
  let arguments = (ins OptionalAttr<StrAttr>:$label);
  let results = (outs Res<Tile_RingType, "", [MemAlloc]>:$result);
  let assemblyFormat = "`` custom<ResultLabel>($label) attr-dict `:` type($result)";
}
def Tile_AdvanceOp : Tile_Op<"advance"> {
  let summary = "On to the next tile of a ring: `++ring`.";
  let arguments = (ins Arg<Tile_RingType, "", [MemRead, MemWrite]>:$ring);
  let assemblyFormat = "$ring attr-dict `:` type($ring)";
}

def Tile_SlotOp : Tile_Op<"slot"> {
  let summary = "One stage of a ring of shared tiles or barriers, where the ring is now or `ahead` tiles later: `k_smem[ring.slot(1)]`.";
  let description = [{
    No further ahead than the ring has stages; -1 is the tile before.
  }];
  let arguments = (ins Tile_AnySlots:$tiles, Arg<Tile_RingType, "", [MemRead]>:$ring, DefaultValuedAttr<I64Attr, "0">:$ahead);
  let results = (outs Tile_AnySlots:$result);
  let assemblyFormat = "$tiles `[` $ring (`+` $ahead^)? `]` attr-dict `:` type($tiles) `,` type($ring) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_PhaseOp : Tile_Op<"phase"> {
  let summary = "Parity of the lap in which a ring's tile is filled, or the next one with `ahead` 1, or of the lap `before`: `ring.phase()`.";
  let arguments = (ins Arg<Tile_RingType, "", [MemRead]>:$ring, DefaultValuedAttr<I64Attr, "0">:$ahead, UnitAttr:$before);
  let results = (outs Index:$result);
  let assemblyFormat = "(`before` $before^)? $ring (`+` $ahead^)? attr-dict `:` type($ring)";
  let hasVerifier = 1;
}

// --- scalars --------------------------------------------------------------------------------------------------------

def Tile_Axis : I32EnumAttr<"Axis", "a grid axis", [
    I32EnumAttrCase<"X", 0, "x">, I32EnumAttrCase<"Y", 1, "y">, I32EnumAttrCase<"Z", 2, "z">]> {
  let cppNamespace = "::attune::tile";
}

def Tile_BlockOp : Tile_Op<"block", [Pure]> {
  let summary = "This block's coordinate in the grid.";
  let arguments = (ins Tile_Axis:$axis);
  let results = (outs Index:$result);
  let assemblyFormat = "$axis attr-dict";
}

def Tile_BlocksOp : Tile_Op<"blocks", [Pure]> {
  let summary = "The number of blocks along an axis.";
  let arguments = (ins Tile_Axis:$axis);
  let results = (outs Index:$result);
  let assemblyFormat = "$axis attr-dict";
}

// Pieces of work: ops of a straight-line kernel until tile-persist makes it a loop.
def Tile_PiecesOp : Tile_Named<"pieces", [Pure]> {
  let summary = "`tiles` of rows for each of `heads`, in sections of heads that share the L2 cache.";
  let arguments = (ins OptionalAttr<StrAttr>:$label, Index:$tiles, Index:$heads, Index:$section);
  let results = (outs Tile_PiecesType:$result);
  let assemblyFormat = "`` custom<ResultLabel>($label) `(` operands `)` attr-dict";
}
def Tile_RoundsOp : Tile_Op<"rounds", [Pure]> {
  let summary = "How many pieces this block gets.";
  let arguments = (ins Tile_PiecesType:$pieces);
  let results = (outs Index:$result);
  let assemblyFormat = "$pieces attr-dict";
}
def Tile_RoundOp : Tile_Op<"round", [Pure]> {
  let summary = "Which of this block's pieces it is: the iterator of the loop that tile-persist makes.";
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}
class Tile_Piece<string part> : Tile_Op<"piece." # part, [Pure]> {
  let arguments = (ins Tile_PiecesType:$pieces, Index:$round);
  let results = (outs Index:$result);
  let assemblyFormat = "$pieces `(` $round `)` attr-dict";
}
def Tile_PieceTileOp : Tile_Piece<"tile"> { let summary = "Its tile of rows: `pieces.tile(round)`."; }
def Tile_PieceHeadOp : Tile_Piece<"head"> { let summary = "Its head among those of all sequences: `pieces.head(round)`."; }

def Tile_WorkOp : Tile_Named<"work", [NoTerminator, SingleBlock]> {
  let summary = "What a piece is, as a function of the round: where its rows begin, which key tiles it visits.";
  let description = [{
    ```mlir
    %work = tile.work ["q_begin", "head"] {
    ^bb0(%round: index):
      ...
      tile.give %q_begin, %head
    }
    ```
  }];
  let arguments = (ins OptionalAttr<StrAttr>:$label, StrArrayAttr:$names);
  let results = (outs Tile_LambdaType:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`` custom<ResultLabel>($label) $names attr-dict-with-keyword $body";
  let hasVerifier = 1;
}
def Tile_GiveOp : Tile_Op<"give", [HasParent<"WorkOp">]> {
  let summary = "The values of a piece.";
  let arguments = (ins Variadic<Index>:$values);
  let assemblyFormat = "$values attr-dict";
}
def Tile_TakeOp : Tile_Op<"take", [Pure, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "The values of the piece of a round: `const auto [q_begin, head] = work(round);`.";
  let arguments = (ins Tile_LambdaType:$work, Index:$round);
  let results = (outs Variadic<Index>:$values);
  let assemblyFormat = "$work `(` $round `)` attr-dict `:` type($values)";
  let hasVerifier = 1;
  let extraClassDeclaration = "WorkOp getDefinition();";
}

def Tile_Reduce : I32EnumAttr<"Reduce", "how several affine results become one", [
    I32EnumAttrCase<"Only", 0, "only">, I32EnumAttrCase<"Min", 1, "min">, I32EnumAttrCase<"Max", 2, "max">]> {
  let cppNamespace = "::attune::tile";
}

def Tile_IndexOp : Tile_Named<"index", [Pure]> {
  let summary = "An affine expression, or the least or greatest of several.";
  let description = [{
    ```mlir
    %q_begin = tile.index [%q_tile * 128]
    %kv_end = tile.index min [(%q_begin + %sk - %sq + 128) ceildiv 64, %sk ceildiv 64]
    ```
  }];
  let arguments = (ins OptionalAttr<StrAttr>:$label, AffineMapAttr:$map, DefaultValuedAttr<Tile_Reduce, "Reduce::Only">:$reduce,
                       Variadic<Index>:$operands);
  let results = (outs Index:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_ElementOp : Tile_Named<"element", [Pure]> {
  let summary = "One element of global memory that no thread writes: `cu_seqlens_q[batch + 1]`.";
  let arguments = (ins OptionalAttr<StrAttr>:$label, Tile_PtrType:$pointer, Index:$position);
  let results = (outs AnyTypeOf<[Index, F32]>:$result);
  let assemblyFormat = "`` custom<ResultLabel>($label) $pointer `[` $position `]` attr-dict `:` type($pointer) `->` type($result)";
}

def Tile_AtOp : Tile_Op<"at", [Pure]> {
  let summary = "Where a row of a view begins: `o_rows(row)`.";
  let arguments = (ins Tile_RowsType:$view, Index:$row);
  let results = (outs Tile_PtrType:$result);
  let assemblyFormat = "$view `(` $row `)` attr-dict `:` type($view) `->` type($result)";
}

def Tile_Log2eOp : Tile_Op<"log2e", [Pure]> {
  let summary = "The logarithm of e to base 2, which turns exp into exp2.";
  let results = (outs F32:$result);
  let assemblyFormat = "attr-dict";
}

def Tile_ConstantOp : Tile_Named<"constant", [Pure]> {
  let summary = "An fp32 literal.";
  let arguments = (ins OptionalAttr<StrAttr>:$label, F32Attr:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "`` custom<ResultLabel>($label) $value attr-dict";
}

def Tile_SelectOp : Tile_Op<"select", [Pure, AllTypesMatch<["yes", "no", "result"]>]> {
  let summary = "One of two places: `j >= full_end ? v_landed[cut_ring.slot()] : v_full[ring.slot()]`, by conditions as tile.if has them.";
  let arguments = (ins AffineMapAttr:$map, Variadic<Index>:$inputs, Tile_AnySlots:$yes, Tile_AnySlots:$no);
  let results = (outs Tile_AnySlots:$result);
  let assemblyFormat = "$map `(` $inputs `)` $yes `,` $no attr-dict `:` type($result)";
  let hasVerifier = 1;
}

// --- mask and score -----------------------------------------------------------------------------------------------------------

def Tile_VisibleOp : Tile_Named<"visible", [Pure]> {
  let summary = "A predicate over (query, key): some set of the union holds. Symbols of the sets are the operands.";
  let description = [{
    With `group` the first argument is a row of a packed tile, and the query is `row / group`.

    ```mlir
    %visible = tile.visible(%sq, %sk) [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
    ```
  }];
  let arguments = (ins OptionalAttr<StrAttr>:$label, Variadic<Index>:$symbols, ArrayAttr:$sets,
                       DefaultValuedAttr<I64Attr, "1">:$group);
  let results = (outs Tile_LambdaType:$result);
  let assemblyFormat = "`` custom<ResultLabel>($label) `(` $symbols `)` $sets (`group` $group^)? attr-dict";
  let hasVerifier = 1;
}

def Tile_LambdaOp : Tile_Op<"lambda", [NoTerminator, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames", "getAsmBlockArgumentNames"]>]> {
  let summary = "A function of this kernel's values: `[=](float s, int row, Key key) { return ...; }`.";
  let description = [{
    The body is one expression: scalar ops without a name, and a tile.yield.

    ```mlir
    %score = tile.lambda(%s: f32, %row: index, %key: !tile.key) {
      %0 = tile.mul %s, %scale
      tile.yield %0 : f32
    }
    ```
  }];
  let arguments = (ins OptionalAttr<StrAttr>:$label, StrArrayAttr:$arg_names);
  let results = (outs Tile_LambdaType:$result);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDefinition = Tile_NamedDefinition;
}

def Tile_ApplyOp : Tile_Op<"apply", [Pure]> {
  let summary = "A lambda's value for a tile: `key_tile(j)`.";
  let arguments = (ins Tile_LambdaType:$lambda, Index:$argument);
  let results = (outs Index:$result);
  let assemblyFormat = "$lambda `(` $argument `)` attr-dict";
}

def Tile_YieldOp : Tile_Op<"yield", [HasParent<"LambdaOp">]> {
  let summary = "The value of a lambda.";
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

class Tile_Arithmetic<string mnemonic> : Tile_Named<mnemonic, [Pure]> {
  let arguments = (ins OptionalAttr<StrAttr>:$label, F32:$lhs, F32:$rhs);
  let results = (outs F32:$result);
  let assemblyFormat = "`` custom<ResultLabel>($label) $lhs `,` $rhs attr-dict";
}
def Tile_MulOp : Tile_Arithmetic<"mul"> { let summary = "Product of two floats."; }
def Tile_SubOp : Tile_Arithmetic<"sub"> { let summary = "Difference of two floats."; }

// --- control --------------------------------------------------------------------------------------------------------

def Tile_ForOp : Tile_Op<"for", [NoTerminator, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "Visits the tiles of [begin, end), or of [0, end) upwards for an ascending loop.";
  let description = [{
    Key tiles are visited from the last to the first, so that the tiles that the causal diagonal cuts come first.

    ```mlir
    tile.for %j from %full_end down to %kv_begin { ... }
    tile.for %i from %begin up to %end { ... }
    ```
  }];
  let arguments = (ins Index:$begin, Index:$end, StrAttr:$iterator, UnitAttr:$ascending);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = "mlir::Value getTile() { return getBody().getArgument(0); }";
}

def Tile_IfOp : Tile_Op<"if", [NoTerminator, SingleBlock]> {
  let summary = "Runs the body if an affine condition holds, or one of several. All threads of the block agree on them.";
  let description = [{
    `tile.if [%q_begin - %sq] { tile.return }`: the expression is >= 0. `tile.if [%j - %full_end, %full_begin - %j - 1]`: the tile
    lies behind the full ones or before them.
  }];
  let arguments = (ins AffineMapAttr:$map, Variadic<Index>:$operands);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_Role : I32EnumAttr<"Role", "who runs a region", [
    I32EnumAttrCase<"Producer", 0, "producer">, I32EnumAttrCase<"Issuer", 1, "issuer">,
    I32EnumAttrCase<"Checker", 2, "checker">, I32EnumAttrCase<"Transposer", 3, "transposer">]> {
  let cppNamespace = "::attune::tile";
}

def Tile_RoleOp : Tile_Op<"role", [NoTerminator, SingleBlock]> {
  let summary = "Runs the body in some threads only.";
  let description = [{
    producer: the warpgroup that feeds the others; its body ends with tile.return, and what
    follows it in the kernel is the consumers' part. Of the producer, issuer is the one thread that issues copies, checker
    the warp that makes V finite where the mask hides keys, and transposer the warps that transpose V.

    ```mlir
    tile.role producer { tile.warpgroup.decrease_registers 24  tile.role issuer { ... }  tile.return }
    ```
  }];
  let arguments = (ins Tile_Role:$role);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$role attr-dict-with-keyword $body";
}

// --- before tile-materialize-pipeline -------------------------------------------------------------------------------

def Tile_FetchOp : Tile_Op<"fetch", [AttrSizedOperandSegments]> {
  let summary = "From here on `destination` holds the rows from `first` on. No copy is planned yet.";
  let description = [{
    Rows at or beyond `limit` are zeros; without a limit all are there. In a loop `first` is an expression of the loop's tile,
    and only the first tile that the loops visit may reach beyond the limit. tile-materialize-pipeline turns the fetches of
    the loops into asynchronous copies that run ahead by as many stages as the kernel's attribute `stages` says; a kernel
    that still has one is not printable. `what` is how comments call it: "K". With `found`, NaN
    and infinities are clamped, and who met one sets the flag, a thread's own or the block's: for values that the mask may hide.
    `reread`: blocks beside this one read the same rows, so they should stay in the L2 cache.
  }];
  let arguments = (ins Tile_StType:$destination, Tile_RowsType:$source, Index:$first, Optional<Index>:$limit,
                       Optional<AnyTypeOf<[Tile_BoolType, Tile_FlagType]>>:$found, StrAttr:$what, UnitAttr:$reread);
  let assemblyFormat = [{
    $what $destination `,` $source `[` $first `]` (`limit` $limit^)? (`found` $found^ `:` type($found))? (`reread` $reread^)? attr-dict
    `:` type($destination) `,` type($source)
  }];
  let hasVerifier = 1;
}

#endif
