// Level 1: the mathematics. Value semantics; no memory, no threads.
#ifndef ATTUNE_IR_ATTN
#define ATTUNE_IR_ATTN

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/DialectBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Attn_Dialect : Dialect {
  let name = "attn";
  let cppNamespace = "::attune::attn";
  let summary = "Attention as a fold over keys.";
  let description = [{
    Softmax-weighted sums form a monoid. A state of a row is (acc, m, l): the sum of exp(s - m) v over the keys seen, the
    greatest score m, and the sum l of exp(s - m). `attn.identity` is (0, -inf, 0). Two states of disjoint sets of keys merge,
    associatively and commutatively up to rounding, to

        m = max(m1, m2), acc = exp(m1 - m) acc1 + exp(m2 - m) acc2, l likewise.

    `attn.fold` merges the state of a range of key tiles. So a fold over a range may be cut at any tile (attn-classify-blocks), its
    parts may be computed by different blocks and merged (attn-split-kv), and a range where nothing is visible may be dropped.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

def Attn_StateType : TypeDef<Attn_Dialect, "State"> {
  let mnemonic = "state";
  let summary = "(acc, row max, row sum) of every row of a tile.";
}

class Attn_Enum<string name, string what, list<I32EnumAttrCase> cases> : I32EnumAttr<name, what, cases> {
  let cppNamespace = "::attune::attn";
}
def Attn_AlibiKind : Attn_Enum<"AlibiKind", "shape of the ALiBi slopes", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"PerHead", 1, "per_head">, I32EnumAttrCase<"PerBatchHead", 2, "per_batch_head">]>;
def Attn_Tiles : Attn_Enum<"Tiles", "what a mask does to the tiles of a fold", [
  I32EnumAttrCase<"Mixed", 0, "mixed">, I32EnumAttrCase<"Partial", 1, "partial">, I32EnumAttrCase<"Full", 2, "full">]>;
def Attn_Reduce : Attn_Enum<"Reduce", "how several affine results become one", [
  I32EnumAttrCase<"Only", 0, "only">, I32EnumAttrCase<"Min", 1, "min">, I32EnumAttrCase<"Max", 2, "max">]>;

def Attn_SpecAttr : AttrDef<Attn_Dialect, "Spec"> {
  let mnemonic = "spec";
  let summary = "All of an attention but its mask.";
  let parameters = (ins
    "::mlir::Type":$dtype, "int64_t":$q_heads, "int64_t":$kv_heads, "int64_t":$head_dim, "int64_t":$head_dim_v,
    DefaultValuedParameter<"bool", "false">:$top_left, // position of query i is i instead of i + sk - sq
    DefaultValuedParameter<"bool", "false">:$varlen, DefaultValuedParameter<"bool", "false">:$lse,
    DefaultValuedParameter<"bool", "false">:$sink,
    DefaultValuedParameter<"::attune::attn::AlibiKind", "::attune::attn::AlibiKind::None">:$alibi,
    OptionalParameter<"::mlir::FloatAttr">:$softcap);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Attn_ScheduleAttr : AttrDef<Attn_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "The tuner's choice for one kernel.";
  let parameters = (ins "int64_t":$q_tile, "int64_t":$kv_tile, "int64_t":$warps, "int64_t":$stages,
                        DefaultValuedParameter<"bool", "false">:$pack_gqa, DefaultValuedParameter<"bool", "false">:$split_kv,
                        DefaultValuedParameter<"bool", "false">:$warp_specialized,
                        DefaultValuedParameter<"bool", "false">:$overlap, DefaultValuedParameter<"bool", "false">:$ping_pong,
                        DefaultValuedParameter<"bool", "false">:$persistent, DefaultValuedParameter<"int64_t", "1">:$cluster);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

class Attn_Op<string mnemonic, list<Trait> traits = []> : Op<Attn_Dialect, mnemonic, traits>;

def Attn_ForwardOp : Attn_Op<"forward", [Symbol]> {
  let summary = "O = softmax(mask(score(scale * Q K^T))) V";
  let description = [{
    `mask` is a union of integer sets over (query, key) with the lengths as symbols. A pair is visible if one of them holds it.

    ```mlir
    attn.forward @attention_forward #attn.spec<dtype = bf16, q_heads = 28, kv_heads = 4, head_dim = 128, head_dim_v = 128>
      mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Attn_SpecAttr:$spec, ArrayAttr:$mask, OptionalAttr<Attn_ScheduleAttr>:$schedule);
  let assemblyFormat = "$sym_name $spec `mask` $mask (`schedule` $schedule^)? attr-dict";
  let hasVerifier = 1;
}

def Attn_KernelOp : Attn_Op<"kernel", [IsolatedFromAbove, Symbol, NoTerminator, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "One launch: what a block does for one tile of rows of one head.";
  let description = [{
    Arguments are row_begin, sq and sk; of one chunk of the keys also chunk and split_tiles. Rows are queries or, when the
    schedule packs, (query, head of the group) pairs: row r is query r / (q_heads / kv_heads).
    The blocks of a cluster visit the same key tiles: there row_begin is the first row of all their tiles, and bounds are theirs.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Attn_SpecAttr:$spec, Attn_ScheduleAttr:$schedule);
  let regions = (region SizedRegion<1>:$body);
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let assemblyFormat = "$sym_name $spec $schedule attr-dict-with-keyword $body";
  let extraClassDeclaration = [{
    int64_t getGroup() { return getSpec().getQHeads() / getSpec().getKvHeads(); }
    /// Rows per query.
    int64_t getRowGroup() { return getSchedule().getPackGqa() ? getGroup() : 1; }
    ::llvm::LogicalResult verifyChain(StoreOp store);
  }];
}

def Attn_BoundOp : Attn_Op<"bound", [Pure, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "A named affine expression, or the least or greatest of several.";
  let description = [{
    ```mlir
    %kv_end = attn.bound "kv_end" affine_map<(d0, d1, d2) -> ((d0 + d1 - d2 + 1) ceildiv 64)>(%q_last, %sk, %sq)
    ```
  }];
  let arguments = (ins OptionalAttr<StrAttr>:$label, DefaultValuedAttr<Attn_Reduce, "Reduce::Only">:$reduce, AffineMapAttr:$map, Variadic<Index>:$operands);
  let results = (outs Index:$result);
  let assemblyFormat = "($label^)? (`reduce` $reduce^)? $map `(` $operands `)` attr-dict";
  let hasVerifier = 1;
}

def Attn_IdentityOp : Attn_Op<"identity", [Pure]> {
  let summary = "The state of rows that have seen nothing.";
  let results = (outs Attn_StateType:$result);
  let assemblyFormat = "attr-dict";
}

def Attn_FoldOp : Attn_Op<"fold", [Pure]> {
  let summary = "Merges the visible keys of the key tiles [begin, end) into a state; later tiles first.";
  let description = [{
    `mixed`: nothing is known of the tiles. `partial`: the mask decides pair by pair. `full`: every pair is visible and every key
    exists, so there is no mask.

    `past (%begin1, %tiles1, %begin2, %tiles2)`: key tiles [begin1, begin1 + tiles1) and [begin2, begin2 + tiles2), the lower
    gap first, are left out, and tiles are numbered without them. All folds of a kernel have the same gaps, so that a range of
    numbers may be cut anywhere, as if there were none.
  }];
  let arguments = (ins Attn_Tiles:$tiles, Attn_StateType:$state, Index:$begin, Index:$end, Variadic<Index>:$gaps,
                       OptionalAttr<ArrayAttr>:$mask);
  let results = (outs Attn_StateType:$result);
  let assemblyFormat = "$tiles $state `over` `[` $begin `,` $end `)` (`past` `(` $gaps^ `)`)? (`mask` $mask^)? attr-dict";
  let hasVerifier = 1;
}

def Attn_MergeOp : Attn_Op<"merge", [Pure]> {
  let summary = "The state of all chunks of a row, in order.";
  let results = (outs Attn_StateType:$result);
  let assemblyFormat = "attr-dict";
}

def Attn_StoreOp : Attn_Op<"store"> {
  let summary = "O = acc / l and LSE = m + ln l, after a sink has joined l. Of a row that saw nothing: 0 and -inf.";
  let description = "`partial`: O and LSE of one chunk, in fp32 and without the sink, for a later merge.";
  let arguments = (ins Attn_StateType:$state, UnitAttr:$partial);
  let assemblyFormat = "(`partial` $partial^)? $state attr-dict";
}

#endif
