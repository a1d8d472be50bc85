// RUN: attune-opt %s -pass-pipeline='builtin.module(convert-attn-to-tile,tile.kernel(tile-specialize-warps))' -split-input-file -verify-diagnostics

#causal = affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>
#window = affine_set<(q, k)[sq, sk] : (k - q - sk + sq + 100 >= 0)>
// expected-error @+1 {{expected the mask of the first loop, got another: all tiles share one loop}}
attn.kernel @two_masks <dtype = bf16, q_heads = 8, kv_heads = 2, head_dim = 64, head_dim_v = 64, lse = true> <q_tile = 128, kv_tile = 128, warps = 8, stages = 2, warp_specialized = true, overlap = true, ping_pong = true> {
^bb0(%row_begin: index, %sq: index, %sk: index):
  %0 = attn.identity
  %full_end = attn.bound "full_end" reduce only affine_map<(d0) -> (d0 floordiv 128)>(%row_begin)
  %kv_end = attn.bound "kv_end" reduce only affine_map<(d0) -> (d0 ceildiv 128)>(%sk)
  %kv_begin = attn.bound "kv_begin" reduce only affine_map<() -> (0)>()
  %1 = attn.fold partial %0 over [%full_end, %kv_end) mask [#causal]
  %2 = attn.fold partial %1 over [%kv_begin, %full_end) mask [#window]
  attn.store %2
}
