// RUN: attune-opt %s -pass-pipeline='builtin.module(attn.kernel(attn-plan-pipeline{limit=101376}))' --split-input-file --verify-diagnostics | FileCheck %s

#all = affine_set<(q, k)[sq, sk] : (sk - k - 1 >= 0)>

// CHECK: attn.kernel @reduced {{.*}} stages = 2
// expected-remark @+1 {{stages 4 -> 2: 160.0 KiB > 99.0 KiB}}
attn.kernel @reduced <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 128, head_dim_v = 128> <q_tile = 128, kv_tile = 64, warps = 8, stages = 4> {
^bb0(%row_begin: index, %sq: index, %sk: index):
  %0 = attn.identity
  %1 = attn.fold partial %0 over[%sq, %sk) mask [#all]
  attn.store %1
}

// -----

#all = affine_set<(q, k)[sq, sk] : (sk - k - 1 >= 0)>

// expected-error @+1 {{shared memory: 192.0 KiB > 99.0 KiB with 1 stage}}
attn.kernel @too_large <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 256, head_dim_v = 256> <q_tile = 128, kv_tile = 128, warps = 8, stages = 1> {
^bb0(%row_begin: index, %sq: index, %sk: index):
  %0 = attn.identity
  %1 = attn.fold partial %0 over[%sq, %sk) mask [#all]
  attn.store %1
}

// -----

// A producer runs ahead in rings of 2 stages or more. O of a persistent kernel has its own 16 KiB, and the ring its
// barriers: 24 bytes, and 64 per stage.

#all = affine_set<(q, k)[sq, sk] : (sk - k - 1 >= 0)>

// CHECK: attn.kernel @roles {{.*}} stages = 2, warp_specialized = true, overlap = true, persistent = true>
// expected-remark @+1 {{stages 4 -> 2: 160.3 KiB > 99.0 KiB}}
attn.kernel @roles <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 128, head_dim_v = 128> <q_tile = 64, kv_tile = 64, warps = 4, stages = 4, warp_specialized = true, overlap = true, persistent = true> {
^bb0(%row_begin: index, %sq: index, %sk: index):
  %0 = attn.identity
  %1 = attn.fold partial %0 over[%sq, %sk) mask [#all]
  attn.store %1
}

// -----

// With one stage it would be 72 KiB.

#all = affine_set<(q, k)[sq, sk] : (sk - k - 1 >= 0)>

// expected-error @+1 {{shared memory: 112.1 KiB > 99.0 KiB with 2 stages}}
attn.kernel @roles_too_large <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 128, head_dim_v = 128> <q_tile = 128, kv_tile = 80, warps = 8, stages = 3, warp_specialized = true, overlap = true> {
^bb0(%row_begin: index, %sq: index, %sk: index):
  %0 = attn.identity
  %1 = attn.fold partial %0 over[%sq, %sk) mask [#all]
  attn.store %1
}
