// RUN: attune-opt %s -attn-build-kernel --split-input-file --verify-diagnostics | FileCheck %s

#causal = affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>

// One launch: a block has one tile of rows and folds all key tiles; nothing is known of them yet.

// CHECK-DAG:   #[[ZERO:.+]] = affine_map<() -> (0)>
// CHECK-DAG:   #[[TILES:.+]] = affine_map<(d0) -> (d0 ceildiv 64)>
// CHECK-LABEL: attn.kernel @causal <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64> <q_tile = 128, kv_tile = 64, warps = 4, stages = 1> {
//       CHECK:   %[[BEGIN:.+]] = attn.bound #[[ZERO]]()
//       CHECK:   %[[END:.+]] = attn.bound #[[TILES]](%sk)
//       CHECK:   %[[NOTHING:.+]] = attn.identity
//       CHECK:   %[[ALL:.+]] = attn.fold mixed %[[NOTHING]] over[%[[BEGIN]], %[[END]]) mask [#
//       CHECK:   attn.store %[[ALL]]
// expected-remark @+1 {{attn-build-kernel: a block has 128 rows, queries of one head}}
attn.forward @causal <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
  mask [#causal] schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>

// -----

#causal = affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>

// Packed, a block serves all q heads of a kv head, so that K and V are read once for them.

// CHECK-LABEL: attn.kernel @packed
// CHECK-SAME:  pack_gqa = true
// expected-remark @+1 {{attn-build-kernel: a block has 16 rows, pairs of a query and one of the 7 q heads of a kv head}}
attn.forward @packed <dtype = bf16, q_heads = 28, kv_heads = 4, head_dim = 128, head_dim_v = 128>
  mask [#causal] schedule <q_tile = 16, kv_tile = 64, warps = 1, stages = 2, pack_gqa = true>

// -----

// expected-error @+1 {{expected a schedule to build a kernel for, got none}}
attn.forward @unscheduled <dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
  mask [affine_set<(q, k)[sq, sk] : (0 >= 0)>]
