// From a planned kernel to text that can be printed. DESIGN.md section 3 has the whole list; Pipeline.cpp has the order.
include "mlir/Pass/PassBase.td"

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

def AllocateShared : Pass<"tile-allocate-shared", "attune::tile::KernelOp"> {
  let summary = "Gives every shared tile an offset; tiles that are never alive together may share bytes.";
  let description = [{
    First fit in order of first use, aligned to 1024 bytes (the largest swizzle period is 8 rows of 128 bytes).

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
