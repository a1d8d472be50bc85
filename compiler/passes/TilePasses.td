// From a planned kernel to text that can be printed. Pipeline.cpp has the order.
include "mlir/Pass/PassBase.td"

def PlanPipeline : Pass<"attn-plan-pipeline", "attune::attn::KernelOp"> {
  let summary = "How many stages the rings of K and V have: what the schedule asks for, or what fits.";
  let description = [{
    A kernel needs Q, or O in its place, and `stages` tiles of K and of V in shared memory. On the portable path every warp
    loads and computes; with S stages copies run 2 S - 1 tiles ahead of the products.

    ```mlir
    attn.kernel @k ... <..., stages = 3>   =>   attn.kernel @k ... <..., stages = 2>   // 160 KiB do not fit in 99 KiB
    ```
  }];
  let options = [Option<"limit", "limit", "int64_t", "166912", "Bytes of shared memory per block (default: sm_80)">];
}

def ConvertAttnToTile : Pass<"convert-attn-to-tile", "mlir::ModuleOp"> {
  let summary = "States become register tiles, folds become loops, the spec becomes parameters, views, score and epilogue.";
  let description = [{
    Copies are not planned yet: a loop fetches what it needs when it needs it. Folds must be classified.

    ```mlir
    %s1 = attn.fold full %s0 over [%a, %b)   =>   tile.for %j from %b down to %a {
                                                    tile.fetch "K" %k_smem, %k_rows[%first]
                                                    tile.warp.mm_ABt %scores, %q_smem, %k_smem
                                                    ...
    ```
  }];
  let dependentDialects = ["attune::tile::TileDialect"];
}

def MaterializePipeline : Pass<"tile-materialize-pipeline", "attune::tile::KernelOp"> {
  let summary = "Fetches become asynchronous copies that run ahead: rings, waits, barriers, prologue.";
  let description = [{
    With F fetches in the loop body and S stages, copies run L = F S - 1 groups ahead. The prologue issues L groups. Where
    group m is needed: wait until at most L - 1 are in flight, meet at a barrier, and issue group m + L into the slot that
    group m - 1 has just left.

    ```mlir
    tile.for %j from %end down to %begin {                tile.for %j from %end down to %begin {
      tile.fetch "K" %k_smem, %k_rows[%0]                   tile.cp_async.wait 0
      ...                                            =>     tile.block.sync
                                                            tile.block.load_async %v_smem, %v_rows, %0
                                                            tile.cp_async.commit
    ```
  }];
  let dependentDialects = ["attune::tile::TileDialect"];
}

def TransposeValues : Pass<"tile-transpose-values", "attune::tile::KernelOp"> {
  let summary = "V of 8-bit elements gets a transposed copy in shared memory, for the product P V to read.";
  let description = [{
    wgmma reads 16-bit operands along rows or along columns, but 8-bit ones along the sum only, and that of P V runs over
    keys. Where the mask hides keys, the transposition makes V finite in the same pass over it. NaN is all there is to look for:
    e4m3 has no infinity.

    ```mlir
    tile.fetch "V" %v_smem, %v_rows[%0] found %flag   =>   tile.fetch "V" %v_smem, %v_rows[%0]
                                                           tile.warpgroup.transpose_finite %v_t_smem, %v_smem, %flag
    ```
  }];
  let dependentDialects = ["attune::tile::TileDialect"];
}

def SpecializeWarps : Pass<"tile-specialize-warps", "attune::tile::KernelOp"> {
  let summary = "Roles, rings and barriers of a kernel for wgmma and TMA; the products of one tile run beside the softmax of another.";
  let description = [{
    A producer warpgroup copies K and V, K one tile ahead; consumers visit all tiles in one loop, rotated so that S(j - 1) = Q K(j - 1)^T
    and P(j) V(j) are under way together, and P V during the next softmax. S of the first tile comes before the loop. A tile asks
    whether it lies outside the full ones, which are most, and masks if so. wgmma
    reads V from shared memory, where a hidden NaN would count: a checker warp makes V finite where the mask cuts a tile, and
    rows that do see such a value get it back at the end. If V is to be transposed, the warps of the producer that have nothing to issue
    do that, for every tile, and the products read the transposed one.

    ```mlir
    tile.for %j from %end down to %begin {        tile.role producer { tile.role issuer { ... tile.tma.load_async ... } }
      tile.fetch "K" %k_smem, %k_rows[%0]         tile.for %j from %last down to %begin {
      tile.warp.mm_ABt ...                          tile.bar.wait %k_full[%ring], ...
      tile.fetch "V" ...                     =>     tile.warpgroup.mm_ABt_async ...
      tile.softmax.step ...                         tile.warpgroup.mma_AB_async ...
      tile.warp.mma_AB ...                          ...
    ```
  }];
  let dependentDialects = ["attune::tile::TileDialect"];
}

def Persist : Pass<"tile-persist", "attune::tile::KernelOp"> {
  let summary = "A kernel about one piece of work becomes one about all pieces of its block.";
  let description = [{
    What differs from piece to piece, the coordinates and the bounds of its key tiles, is computed by a function of the round; the
    producer's roles are in a loop over rounds, and the consumers' part is. Rings are outside of both and go on from one piece to the next. Registers and barriers are as before.

    ```mlir
    %round = tile.round                                %work = tile.work ["q_begin", "kv_last"] { ... }
    %q_begin = tile.index [...]                        %ring = tile.ring
    %kv_last = tile.warp.uniform ...            =>     tile.role producer {
    %ring = tile.ring                                    tile.for %round from %c0 up to %rounds {
    tile.role producer {                                   %q_begin, %kv_last = tile.take %work(%round)
      tile.role issuer { ... }                             tile.role issuer { ... }
      ...                                                  ...
    ```
  }];
  let dependentDialects = ["attune::tile::TileDialect"];
}

def AllocateShared : Pass<"tile-allocate-shared", "attune::tile::KernelOp"> {
  let summary = "Gives every shared tile an offset; tiles that are never alive together may share bytes.";
  let description = [{
    First fit in order of first use, tiles aligned to 1024 bytes (the largest swizzle period is 8 rows of 128 bytes), then
    barriers. What two roles use is never given away: they run side by side.

    ```mlir
    %o_smem = tile.alloc : !tile.st<128, 128, bf16>   =>   %o_smem = tile.alloc at 0 : !tile.st<128, 128, bf16>
    ```
  }];
  let options = [Option<"limit", "limit", "int64_t", "0", "Bytes per block, 0 for no limit; beyond it the pass fails with numbers">];
}

def Prettify : Pass<"tile-prettify", "attune::tile::KernelOp"> {
  let summary = "Drops definitions that nothing uses, merges equal ones, makes names unique.";
  let description = [{
    Optional for correctness.

    ```mlir
    %q_head = tile.index [%head]      =>    (uses of %q_head are uses of %head)
    %unused = tile.index [%a + 1]     =>
    ```
  }];
}
