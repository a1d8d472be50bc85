// RUN: attune-opt %s -pass-pipeline='builtin.module(attn-build-kernel,attn.kernel(attn-classify-blocks),convert-attn-to-tile,tile.kernel(tile-specialize-warps))' --split-input-file | FileCheck %s

// A producer copies K one tile ahead of V; consumers run S(j - 1) beside P(j) V(j), in one loop for all tiles.

// CHECK-LABEL: tile.kernel @causal
//  CHECK-SAME:   %q_map: !tile.tensor_map<bf16, 64, box = 128>
//  CHECK-SAME:   %k_map: !tile.tensor_map<bf16, 64, box = 128>
//  CHECK-SAME:   threads 384
//       CHECK:   %k_smem = tile.alloc : !tile.st<128, 64, bf16, stages = 2>
//       CHECK:   %q_full = tile.alloc : !tile.barrier
//       CHECK:   %k_full = tile.alloc : !tile.barrier<stages = 2>
// at least one tile is visited, so that the first one needs no condition
//       CHECK:   %kv_last = tile.index max [%kv_end - 1, %{{.*}}]
//       CHECK:   tile.tma.prefetch %q_map, %k_map, %v_map, %o_map
//       CHECK:   tile.bar.init %k_full
//       CHECK:   tile.bar.publish
//  CHECK-NEXT:   tile.block.sync
//       CHECK:   tile.role producer {
//  CHECK-NEXT:     tile.warpgroup.decrease_registers 24
//       CHECK:     tile.role issuer
//       CHECK:       tile.tma.load_async
//       CHECK:       tile.tma.load_async %q_smem
//       CHECK:       tile.for %j from
//       CHECK:         tile.phase before %ring + 1
// V of a tile that the mask cuts goes to the checker first
//       CHECK:         tile.select
//       CHECK:         tile.if [%j - %full_end] {
//  CHECK-NEXT:           tile.advance %cut_ring
//  CHECK-NEXT:         }
//  CHECK-NEXT:         tile.advance %ring
//       CHECK:     tile.role checker
//       CHECK:       tile.if [%j - %full_end] {
//       CHECK:       tile.warp.make_finite
//  CHECK-NEXT:       %[[FULL:.+]] = tile.slot %v_full
//  CHECK-NEXT:       tile.bar.arrive %[[FULL]]
//       CHECK:     tile.return
//       CHECK:   tile.warpgroup.increase_registers 240
//       CHECK:   tile.bar.wait %q_full
// S of the first tile
//       CHECK:   tile.warpgroup.take_turn 2
//       CHECK:   tile.warpgroup.mm_ABt_async
//  CHECK-NEXT:   tile.warpgroup.pass_turn 2
//  CHECK-NEXT:   tile.warpgroup.wait 0 %scores
//       CHECK:   tile.for %j from {{.*}} down to
//       CHECK:     tile.if [%j - %full_end] attributes {note = "the mask cuts this tile"} {
//       CHECK:       tile.softmax.mask
//       CHECK:     tile.softmax.step
// P V of the tile before, once the exponentials are known
//       CHECK:     tile.bar.wait %{{.+}}, %{{.+}}, %row_sum
//  CHECK-NEXT:     tile.warpgroup.wait 0 %out
//  CHECK-NEXT:     tile.if [%kv_last - %j - 1] {
//       CHECK:       tile.bar.arrive
//       CHECK:     tile.warp.convert
//  CHECK-NEXT:     tile.warpgroup.take_turn 2
// S of the next tile, beside P V of this
//  CHECK-NEXT:     tile.if [%j - %{{.*}} - 1] {
//       CHECK:       tile.bar.wait
//       CHECK:       tile.warpgroup.mm_ABt_async
//       CHECK:     tile.warpgroup.mma_AB_async
//  CHECK-NEXT:     tile.warpgroup.pass_turn 2
//  CHECK-NEXT:     tile.warpgroup.wait 1 %scores
//   CHECK-NOT:   tile.for
//       CHECK:   tile.warpgroup.wait 0 %out
// what the checker took away comes back behind the store
//       CHECK:   tile.warpgroup.store_async
//       CHECK:   tile.warpgroup.add_nonfinite
attn.forward @causal #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 2, head_dim = 64, head_dim_v = 64, lse = true>
  mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 128, warps = 8, stages = 2, warp_specialized = true, overlap = true, ping_pong = true>

// -----

// Without overlap P V is done before the next S begins.

// CHECK-LABEL: tile.kernel @in_order
//       CHECK:   tile.return
//       CHECK:   tile.warpgroup.mm_ABt_async
//       CHECK:   tile.for %j from
//       CHECK:     tile.warpgroup.mma_AB_async
//  CHECK-NEXT:     tile.warpgroup.wait 0 %out
//       CHECK:     tile.bar.arrive
//       CHECK:     tile.if
//       CHECK:       tile.warpgroup.mm_ABt_async
//  CHECK-NEXT:       tile.warpgroup.wait 0 %scores
attn.forward @in_order #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 2, head_dim = 64, head_dim_v = 64, lse = true>
  mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
  schedule <q_tile = 64, kv_tile = 128, warps = 4, stages = 2, warp_specialized = true>

// -----

// Two blocks of a cluster load half of each tile for both, and give a slot back to both producers.

// CHECK-LABEL: tile.kernel @cluster
//  CHECK-SAME:   %k_map: !tile.tensor_map<bf16, 64, box = 64>
//  CHECK-SAME:   cluster = 2
//       CHECK:   %cluster_begin = tile.index [(%q_begin floordiv 256) * 256]
//       CHECK:   %q_last = tile.index min [%cluster_begin + 255, %sq - 1]
//       CHECK:   %[[ARRIVALS:.+]] = tile.index [16]
//  CHECK-NEXT:   tile.bar.init %k_empty, %[[ARRIVALS]]
//       CHECK:   tile.bar.publish
//  CHECK-NEXT:   tile.cluster.sync
//       CHECK:   tile.role issuer
// other tiles of rows read K and V, too
//       CHECK:     %[[KEEP:.+]] = tile.l2.evict_last
//  CHECK-NEXT:     tile.tma.multicast_async 2 %{{.+}}, %k_rows, %{{.+}}, %{{.+}}, %[[KEEP]]
//       CHECK:   tile.role checker
//       CHECK:     tile.bar.arrive
//       CHECK:   tile.warpgroup.increase_registers
//       CHECK:   tile.cluster.arrive 2
//   CHECK-NOT:   tile.bar.arrive
//       CHECK:   tile.warpgroup.wait_for_store
//  CHECK-NEXT:   tile.cluster.sync {note = "other blocks may still arrive here"}
//  CHECK-NEXT: }
attn.forward @cluster #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 2, head_dim = 64, head_dim_v = 64, lse = true>
  mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 128, warps = 8, stages = 2, warp_specialized = true, overlap = true, cluster = 2>

// -----

// Two ranges of full tiles: what lies in neither is masked.

// CHECK-LABEL: tile.kernel @two_ranges
//       CHECK:   tile.warpgroup.increase_registers
//       CHECK:   tile.for %j from
//       CHECK:     tile.if [%j - %full_end, %full_begin - %j - 1] {
//  CHECK-NEXT:       tile.if [%j - %lower_full_end] attributes {note = "the mask cuts this tile"} {
//       CHECK:         tile.softmax.mask
//   CHECK-NOT:   tile.softmax.mask
//       CHECK:   tile.warpgroup.store_async
attn.forward @two_ranges #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 2, head_dim = 64, head_dim_v = 64, lse = true>
  mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0, k - q - sk + sq + 1023 >= 0)>, affine_set<(q, k)[sq, sk] : (255 - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 128, warps = 8, stages = 2, warp_specialized = true, overlap = true, ping_pong = true>
