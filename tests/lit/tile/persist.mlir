// RUN: attune-opt %s -pass-pipeline='builtin.module(attn-build-kernel,attn.kernel(attn-classify-blocks),convert-attn-to-tile,tile.kernel(tile-specialize-warps,tile-prettify,tile-persist))' --split-input-file | FileCheck %s
// RUN: attune-opt %s -pass-pipeline='builtin.module(attn-build-kernel,attn.kernel(attn-classify-blocks),convert-attn-to-tile,tile.kernel(tile-specialize-warps,tile-prettify,tile-persist))' --split-input-file | FileCheck %s --check-prefix=RINGS

// What a piece is becomes a function of the round; the producer's roles are in one loop over rounds, the consumers in another. Rings are
// outside of both, so that they go on.

// CHECK-LABEL: tile.kernel @causal
//  CHECK-SAME:   %q_tiles: index, %heads: index, %section: index
//  CHECK-SAME:   grid {{\[\[}}"QTiles", "QHeads", "Batch"], [], []]
//       CHECK:   %pieces = tile.pieces(%q_tiles, %heads, %section)
//       CHECK:   %work = tile.work ["q_begin", "head", "batch", "kv_end", "full_end", "kv_last"]
//       CHECK:     tile.piece.tile %pieces(%[[ROUND:.+]])
//       CHECK:     %full_end = tile.warp.uniform
//       CHECK:     %kv_last = tile.warp.uniform
//       CHECK:     tile.give %q_begin, %head, %batch
//       CHECK:   %ring = tile.ring : <2>
//       CHECK:   tile.bar.init %q_empty
//       CHECK:   tile.role producer
//       CHECK:     tile.for %round from
//       CHECK:       %q_begin, %head, %batch, %kv_end, %full_end, %kv_last = tile.take %work(%round)
//       CHECK:       tile.role issuer
//       CHECK:         tile.slot %k_empty
//       CHECK:         tile.tma.load_async
//       CHECK:         tile.bar.wait %q_empty
//       CHECK:         tile.tma.load_async %q_smem
//   CHECK-NOT:     tile.for %round from
//       CHECK:       tile.role checker
//       CHECK: {{^      }}}
//       CHECK:   tile.warpgroup.begin_turns
//       CHECK:   tile.for %round from
//       CHECK:     tile.softmax.reset
//       CHECK:     tile.bar.wait %q_full
//       CHECK:     tile.warpgroup.mma_AB_async
//       CHECK:     tile.bar.arrive %q_empty
//  CHECK-NEXT:     tile.warpgroup.wait 0 %out
// the store of the piece before has had the time of this one
//       CHECK:     tile.warpgroup.wait_for_store
//  CHECK-NEXT:     tile.warpgroup.store_tile
//       CHECK:     tile.warpgroup.store_async
//       CHECK:   }
//  CHECK-NEXT:   tile.warpgroup.wait_for_store
attn.forward @causal #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 2, head_dim = 64, head_dim_v = 64, lse = true>
  mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 128, warps = 8, stages = 2, warp_specialized = true, overlap = true, ping_pong = true, persistent = true>

// -----

// Varlen: a piece beyond the end of its sequence is passed over, and O is not stored by boxes, which know no sequences.

// RINGS-LABEL: tile.kernel @causal
// RINGS-COUNT-3: {{^    }}%{{.*}} = tile.ring :
//     RINGS-NOT: tile.ring :
// RINGS-LABEL: tile.kernel @varlen

// CHECK-LABEL: tile.kernel @varlen
//   CHECK-NOT:   %o_map
//       CHECK:   tile.role producer
//       CHECK:     tile.take %work
//  CHECK-NEXT:     tile.if
//       CHECK:       tile.continue
//       CHECK:     tile.role issuer
//       CHECK:   tile.for %round from
//       CHECK:     tile.continue
//       CHECK:     tile.warpgroup.sync
//       CHECK:     tile.warpgroup.store_tile
//       CHECK:     tile.warpgroup.store
attn.forward @varlen #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 2, head_dim = 64, head_dim_v = 64, varlen = true>
  mask [affine_set<(q, k)[sq, sk] : (sk - k - 1 >= 0)>]
  schedule <q_tile = 64, kv_tile = 128, warps = 4, stages = 2, warp_specialized = true, persistent = true>
