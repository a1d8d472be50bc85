// RUN: attune-opt %s -pass-pipeline='builtin.module(attn-build-kernel,attn.kernel(attn-classify-blocks),convert-attn-to-tile,tile.kernel(tile-transpose-values))' | FileCheck %s --check-prefix=TURN
// RUN: attune-opt %s -pass-pipeline='builtin.module(attn-build-kernel,attn.kernel(attn-classify-blocks),convert-attn-to-tile,tile.kernel(tile-transpose-values,tile-specialize-warps))' | FileCheck %s --check-prefix=ROLES

// V of 8-bit elements is turned after it is fetched; where the mask hides keys it becomes finite on the way.
// TURN: %v_t_smem = tile.alloc {{.*}}: !tile.st<128, 64, f8E4M3FN>
// TURN: tile.for %j
// TURN: tile.fetch "V" %v_smem, %v_rows[{{%[0-9]+}}] limit %sk reread :
// TURN-NEXT: tile.warpgroup.transpose_finite %v_t_smem, %v_smem, %v_nonfinite
// TURN: tile.for %j
// TURN: tile.fetch "V" %v_smem
// TURN-NEXT: tile.warpgroup.transpose %v_t_smem, %v_smem

// The producer's other warps do it, between v_landed and v_full; P V reads the turned tile.
// ROLES: %v_t_smem = tile.alloc {{.*}} : !tile.st<128, 64, f8E4M3FN, stages = 2>
// ROLES: tile.role issuer
// ROLES: tile.tma.load_async {{.*}}, %v_rows, {{.*}} : !tile.st<64, 128, f8E4M3FN>
// ROLES-NOT: tile.role checker
// ROLES: tile.role transposer
// ROLES: tile.warpgroup.transpose_finite
// ROLES-NEXT: tile.slot %v_full
// ROLES-NEXT: tile.bar.arrive
// ROLES: tile.warpgroup.transpose {{%[0-9]+}}, {{%[0-9]+}}
// ROLES: tile.softmax.step {{.*}} {log2 = 8 : i64}
// ROLES: tile.warpgroup.mma_ABt_async %out, %probs, {{%[0-9]+}} : !tile.rt<16, 128, f32>, !tile.rt<16, 64, f8E4M3FN>, !tile.st<128, 64, f8E4M3FN>
// ROLES-NOT: mma_AB_async
#causal = affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>
attn.forward @attention_forward #attn.spec<dtype = f8E4M3FN, q_heads = 8, kv_heads = 2, head_dim = 128, head_dim_v = 128>
  mask [#causal] schedule #attn.schedule<q_tile = 128, kv_tile = 64, warps = 8, stages = 2, warp_specialized = true, overlap = true>
