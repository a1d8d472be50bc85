// RUN: attune-opt %s -pass-pipeline='builtin.module(attn-build-kernel,attn.kernel(attn-classify-blocks),convert-attn-to-tile,tile.kernel(tile-transpose-values,tile-specialize-warps,tile-prettify,tile-persist))' -split-input-file -verify-diagnostics

// What was decided about roles and pieces, for `attune explain`.

// expected-remark @+6 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+5 {{attn-classify-blocks: full tiles skip the mask}}
// expected-remark @+4 {{tile-specialize-warps: a producer warpgroup with 40 registers per thread, 2 that compute with 232; rings of 2}}
// expected-remark @+3 {{tile-specialize-warps: P V of a tile runs beside the softmax of the next; warpgroups take turns}}
// expected-remark @+2 {{tile-specialize-warps: a warp of the producer makes V finite where the mask cuts a tile}}
// expected-remark @+1 {{tile-persist: a block stays for a piece of each round, dealt by arithmetic; heads in sections that fit the L2 cache}}
attn.forward @persistent #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 2, head_dim = 128, head_dim_v = 128>
  mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 128, warps = 8, stages = 2, warp_specialized = true, overlap = true, ping_pong = true, persistent = true>

// -----

// expected-remark @+5 {{attn-build-kernel: a block has 64 rows}}
// expected-remark @+4 {{attn-classify-blocks: full tiles skip the mask}}
// expected-remark @+3 {{tile-specialize-warps: a producer warpgroup with 255 registers per thread, 1 that computes with 255; rings of 3}}
// expected-remark @+2 {{tile-specialize-warps: one product after the other}}
// expected-remark @+1 {{tile-specialize-warps: 3 warps of the producer transpose V}}
attn.forward @float8 #attn.spec<dtype = f8E4M3FN, q_heads = 8, kv_heads = 2, head_dim = 128, head_dim_v = 128>
  mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
  schedule <q_tile = 64, kv_tile = 64, warps = 4, stages = 3, warp_specialized = true>
