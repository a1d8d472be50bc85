// RUN: attune-opt %s -convert-attn-to-tile --split-input-file --verify-diagnostics | FileCheck %s

#causal = affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>

// A fold is a loop that fetches what it needs; a mask only where tiles are partial.

// CHECK-LABEL: tile.kernel @attention_forward(%q: !tile.gl<bf16, 64>, {{.*}}, %sq: index, %sk: index, %scale: f32) threads 128
//       CHECK:   %kv_end = tile.index [(%q_begin + %sk - %sq + 64) ceildiv 64]
//       CHECK:   %visible = tile.visible(%sq, %sk) [#
//       CHECK:   tile.fetch "Q" %q_smem, %q_rows[%q_begin] limit %sq
//       CHECK:   tile.for %j from %kv_end down to %full_end {
//       CHECK:     tile.fetch "K" %k_smem, %k_rows[%{{.*}}] limit %sk
//       CHECK:     tile.warp.mm_ABt_rolled
//       CHECK:     tile.fetch "V" %v_smem, %v_rows[%{{.*}}] limit %sk found %v_nonfinite
//       CHECK:     tile.softmax.mask
//       CHECK:     tile.softmax.step
//       CHECK:     tile.warp.mma_AB
//       CHECK:   tile.for %j from %full_end down to
//       CHECK:     tile.fetch "K" %k_smem, %k_rows[%{{[0-9]+}}] reread :
//   CHECK-NOT:     mask
//       CHECK:   tile.softmax.normalize
//       CHECK:   tile.block.store %o_rows
//       CHECK:   tile.block.add_nonfinite %o_rows, %v_nonfinite, %v_rows
attn.kernel @attention_forward <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64> <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%row_begin: index, %sq: index, %sk: index):
  %zero = attn.bound affine_map<() -> (0)>()
  %kv_end = attn.bound "kv_end" affine_map<(d0, d1, d2) -> ((d0 + d1 - d2 + 64) ceildiv 64)>(%row_begin, %sk, %sq)
  %full_end = attn.bound "full_end" affine_map<(d0, d1, d2) -> ((d0 + d1 - d2 + 1) floordiv 64)>(%row_begin, %sk, %sq)
  %0 = attn.identity
  %1 = attn.fold partial %0 over[%full_end, %kv_end) mask [#causal]
  %2 = attn.fold full %1 over[%zero, %full_end)
  attn.store %2
}

// -----

#causal = affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>

attn.kernel @unclassified <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64> <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%row_begin: index, %sq: index, %sk: index):
  %0 = attn.identity
  // expected-error @+1 {{expected classified tiles, got mixed: run attn-classify-blocks first}}
  %1 = attn.fold mixed %0 over[%sq, %sk) mask [#causal]
  attn.store %1
}
