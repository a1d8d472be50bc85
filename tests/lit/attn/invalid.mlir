// RUN: attune-opt %s --split-input-file --verify-diagnostics

// Each verifier says what it expected and what it got.

// expected-error @+1 {{expected dtype f16, bf16 or f8E4M3FN, got 'f32'}}
attn.forward @dtype <dtype = f32, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64> mask [affine_set<(q, k)[sq, sk] : (0 >= 0)>]

// -----
// expected-error @+1 {{expected q_heads to be a multiple of kv_heads, got 28 and 5}}
attn.forward @heads <dtype = bf16, q_heads = 28, kv_heads = 5, head_dim = 64, head_dim_v = 64> mask [affine_set<(q, k)[sq, sk] : (0 >= 0)>]

// -----
// expected-error @+1 {{expected head dims that are multiples of 8 from 8 to 256, got 12}}
attn.forward @head_dim <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 12> mask [affine_set<(q, k)[sq, sk] : (0 >= 0)>]

// -----
// expected-error @+1 {{expected head dims that are multiples of 16 from 16 to 256, got 72}}
attn.forward @bytes <dtype = f8E4M3FN, q_heads = 8, kv_heads = 8, head_dim = 72, head_dim_v = 64> mask [affine_set<(q, k)[sq, sk] : (0 >= 0)>]

// -----
#spec = #attn.spec<dtype = f8E4M3FN, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
#schedule = #attn.schedule<q_tile = 64, kv_tile = 64, warps = 4, stages = 1>
// expected-error @+1 {{expected a schedule with warp_specialized for 8-bit elements, got #attn.schedule<q_tile = 64, kv_tile = 64, warps = 4, stages = 1>}}
attn.kernel @portable #spec #schedule {
^bb0(%row_begin: index, %sq: index, %sk: index):
  %0 = attn.identity
  attn.store %0
}

// -----
#spec = #attn.spec<dtype = f8E4M3FN, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
#schedule = #attn.schedule<q_tile = 64, kv_tile = 80, warps = 4, stages = 2, warp_specialized = true>
// expected-error @+1 {{expected a kv_tile in multiples of 32 for 8-bit elements, got 80}}
attn.kernel @keys #spec #schedule {
^bb0(%row_begin: index, %sq: index, %sk: index):
  %0 = attn.identity
  attn.store %0
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected at least one mask set; the empty conjunction `affine_set<(q, k)[sq, sk] : (0 >= 0)>` sees all}}
attn.forward @empty_mask #spec mask []

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected integer sets in the mask, got 3 : i64}}
attn.forward @mask_kind #spec mask [3]

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected mask sets over (q, k)[sq, sk], got 2 dims and 0 symbols}}
attn.forward @mask_space #spec mask [affine_set<(q, k) : (q - k >= 0)>]

// -----
// expected-error @+1 {{expected q_tile to be a multiple of 16 rows per warp, got 96 for 4 warps}}
#schedule = #attn.schedule<q_tile = 96, kv_tile = 64, warps = 4, stages = 1>

// -----
// expected-error @+1 {{expected kv_tile to be a multiple of 16, got 40}}
#schedule = #attn.schedule<q_tile = 64, kv_tile = 40, warps = 4, stages = 1>

// -----
// expected-error @+1 {{expected warpgroups of four warps with 16 rows each, got 8 warps for 256 rows}}
#schedule = #attn.schedule<q_tile = 256, kv_tile = 64, warps = 8, stages = 2, warp_specialized = true>

// -----

// expected-error @+1 {{expected at least 2 stages beside warp_specialized, got 1}}
#schedule = #attn.schedule<q_tile = 128, kv_tile = 64, warps = 8, stages = 1, warp_specialized = true>

// -----

// expected-error @+1 {{expected warp_specialized beside overlap and ping_pong, got none}}
#schedule = #attn.schedule<q_tile = 64, kv_tile = 64, warps = 4, stages = 1, overlap = true>

// -----

// expected-error @+1 {{expected warp_specialized and no split_kv beside persistent}}
#schedule = #attn.schedule<q_tile = 64, kv_tile = 64, warps = 4, stages = 2, split_kv = true, warp_specialized = true, persistent = true>

// -----

// expected-error @+1 {{expected a cluster of 1 or 2 blocks, got 4}}
#schedule = #attn.schedule<q_tile = 64, kv_tile = 64, warps = 4, stages = 2, warp_specialized = true, cluster = 4>

// -----

// expected-error @+1 {{expected warp_specialized, without split_kv and persistent, beside a cluster of 2, got none}}
#schedule = #attn.schedule<q_tile = 64, kv_tile = 64, warps = 4, stages = 2, cluster = 2>

// -----

// expected-error @+1 {{expected warp_specialized, without split_kv and persistent, beside a cluster of 2, got persistent}}
#schedule = #attn.schedule<q_tile = 64, kv_tile = 64, warps = 4, stages = 2, warp_specialized = true, persistent = true, cluster = 2>

// -----

// expected-error @+1 {{expected 1 to 8 stages, got 0}}
#schedule = #attn.schedule<q_tile = 64, kv_tile = 64, warps = 4, stages = 0>

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected arguments row_begin, sq, sk and, if the schedule splits, chunk and split_tiles, got 1}}
attn.kernel @arguments #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index):
  %0 = attn.identity
  attn.store %0
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected index arguments, got 'i32'}}
attn.kernel @argument_type #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: i32, %sk: index):
  %0 = attn.identity
  attn.store %0
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
attn.kernel @bound_operands #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  // expected-error @+1 {{expected an operand per input of the map, got 1 for 2}}
  %0 = attn.bound affine_map<(a, b) -> (a + b)>(%sq)
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
attn.kernel @bound_results #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  // expected-error @+1 {{expected one result without `reduce`, got 2}}
  %0 = attn.bound affine_map<(a) -> (a, 0)>(%sq)
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
attn.kernel @full #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.identity
  // expected-error @+1 {{expected no mask on full tiles}}
  %1 = attn.fold full %0 over [%sq, %sk) mask [affine_set<(q, k)[sq, sk] : (q - k >= 0)>]
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
attn.kernel @partial #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.identity
  // expected-error @+1 {{expected a mask on tiles that are not full}}
  %1 = attn.fold partial %0 over [%sq, %sk)
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
attn.kernel @gaps #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.identity
  // expected-error @+1 {{expected gaps as pairs of first tile and number of tiles, got 1 values}}
  %1 = attn.fold full %0 over [%sq, %sk) past (%rows)
  attn.store %1
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected arguments row_begin, sq, sk and, if the schedule splits, chunk and split_tiles, got 5}}
attn.kernel @chunk_without_splits #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index, %chunk: index, %split_tiles: index):
  %0 = attn.identity
  attn.store partial %0
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected only attn ops, got tile.block.sync}}
attn.kernel @other_dialect #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  tile.block.sync
  %0 = attn.identity
  attn.store %0
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected one attn.store, at the end, got 0}}
attn.kernel @no_store #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.identity
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
attn.kernel @partial_store #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.identity
  // expected-error @+1 {{expected the whole, got `partial` in a kernel that has no chunk}}
  attn.store partial %0
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
attn.kernel @whole_store #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1, split_kv = true> {
^bb0(%rows: index, %sq: index, %sk: index, %chunk: index, %split_tiles: index):
  %0 = attn.identity
  // expected-error @+1 {{expected `partial` of a chunk of the keys, got the whole}}
  attn.store %0
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
attn.kernel @hole #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.identity
  %1 = attn.fold full %0 over [%sq, %sk)
  // expected-error @+1 {{expected to end where the fold before begins}}
  %2 = attn.fold full %1 over [%rows, %sk)
  attn.store %2
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
attn.kernel @other_gaps #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.identity
  %1 = attn.fold full %0 over [%sq, %sk) past (%rows, %sq)
  // expected-error @+1 {{expected the gaps of the fold before}}
  %2 = attn.fold full %1 over [%rows, %sq)
  attn.store %2
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected each state to be used once: one chain of folds, got 2 folds, 1 of them in the chain of the store}}
attn.kernel @two_chains #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.identity
  %1 = attn.fold full %0 over [%sq, %sk)
  %2 = attn.fold full %0 over [%rows, %sq)
  attn.store %2
}

// -----
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-error @+1 {{expected attn.merge alone, in a kernel whose schedule splits}}
attn.kernel @merge #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.merge
  attn.store %0
}
