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
