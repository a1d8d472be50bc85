// From the spec to kernels whose loops know their tiles. Pipeline.cpp has the order.
include "mlir/Pass/PassBase.td"

def BuildKernel : Pass<"attn-build-kernel", "mlir::ModuleOp"> {
  let summary = "One launch per attention: tiles of rows from the schedule, one mixed fold over all key tiles.";
  let description = [{
    ```mlir
    attn.forward @attention_forward #spec mask [#causal] schedule #schedule
    =>
    attn.kernel @attention_forward #spec #schedule {
    ^bb0(%row_begin: index, %sq: index, %sk: index):
      %begin = attn.bound affine_map<() -> (0)>()
      %end = attn.bound affine_map<(d0) -> (d0 ceildiv 64)>(%sk)
      %0 = attn.identity
      %1 = attn.fold mixed %0 over [%begin, %end) mask [#causal]
      attn.store %1
    }
    ```
  }];
  let dependentDialects = ["attune::attn::AttnDialect"];
}

def ClassifyBlocks : Pass<"attn-classify-blocks", "attune::attn::KernelOp"> {
  let summary = "Which key tiles are empty, partial, full: a mixed fold becomes partial / full / partial over exact ranges.";
  let description = [{
    From the mask alone, with the Presburger library (analysis/Classify.h). Later keys first, so that the causal diagonal comes first.

    ```mlir
    %1 = attn.fold mixed %0 over [%c0, %all) mask [#causal]
    =>
    %q_last = attn.bound "q_last" reduce min affine_map<(d0, d1) -> (d0 + 127, d1 - 1)>(%row_begin, %sq)
    %kv_end = attn.bound "kv_end" affine_map<...>(...)
    %full_end = attn.bound "full_end" ...
    %1 = attn.fold partial %0 over [%full_end, %kv_end) mask [#causal]
    %2 = attn.fold full %1 over [%kv_begin, %full_end)
    ```
  }];
  let dependentDialects = ["attune::attn::AttnDialect"];
}

def SplitKV : Pass<"attn-split-kv", "mlir::ModuleOp"> {
  let summary = "A kernel whose schedule splits becomes a partial kernel over one chunk of the key tiles, and a combine kernel.";
  let description = [{
    Chunk c has the tiles [kv_begin + c * split_tiles, kv_begin + (c + 1) * split_tiles): its size is a launch argument, so one kernel
    serves all lengths, and a row's bits depend on split_tiles alone. Justified by the monoid of `attn.state`.

    ```mlir
    attn.store %1     =>     attn.store partial %1       (in @attention_partial)
                             %0 = attn.merge             (in @attention_combine)
                             attn.store %0
    ```
  }];
  let dependentDialects = ["attune::attn::AttnDialect"];
}
