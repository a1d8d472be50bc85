// RUN: attune-opt %s --split-input-file --verify-diagnostics

// Each verifier says what it expected and what it got.

// expected-error @+1 {{expected 1 to 32 warps of 32 threads, got 100 threads}}
tile.kernel @threads() threads 100 grid [[], [], []] {}

// -----
// expected-error @+1 {{expected three grid dimensions, got 2}}
tile.kernel @grid() threads 128 grid [[], []] {}

// -----
// expected-error @+1 {{expected gl, tensor_map, ptr, index or f32 arguments, got '!tile.rv<16>'}}
tile.kernel @argument(%v: !tile.rv<16>) threads 128 grid [[], [], []] {}

// -----
// expected-error @+1 {{expected only tile ops, got attn.identity}}
tile.kernel @foreign() threads 128 grid [[], [], []] { %0 = attn.identity }

// -----
// expected-error @+1 {{expected rows in eights and columns in sixteens, got 64x72}}
tile.kernel @shared() threads 128 grid [[], [], []] { %k_smem = tile.alloc : !tile.st<64, 72, bf16> }

// -----
// expected-error @+1 {{expected f16, bf16 or f8E4M3FN elements, got 'f32'}}
tile.kernel @element() threads 128 grid [[], [], []] { %k_smem = tile.alloc : !tile.st<64, 64, f32> }

// -----
// expected-error @+1 {{expected at least one stage, got 0}}
tile.kernel @stages() threads 128 grid [[], [], []] { %k_smem = tile.alloc : !tile.st<64, 64, bf16, stages = 0> }

// -----
// expected-error @+1 {{expected rows in sixteens and columns in eights (fragments of m16n8k16), got 8x64}}
tile.kernel @registers() threads 128 grid [[], [], []] { %scores = tile.alloc : !tile.rt<8, 64, f32> }

// -----
tile.kernel @offset() threads 128 grid [[], [], []] {
  // expected-error @+1 {{expected an offset on what lies in shared memory only, got '!tile.rv<16>'}}
  %v = tile.alloc at 0 : !tile.rv<16>
}

// -----
tile.kernel @alignment() threads 128 grid [[], [], []] {
  // expected-error @+1 {{expected an offset in multiples of 128, got 64}}
  %v = tile.alloc at 64 : !tile.st<16, 16, bf16>
}

// -----
tile.kernel @ring() threads 128 grid [[], [], []] {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16, stages = 2>
  %ring = tile.ring : !tile.ring<3>
  // expected-error @+1 {{expected a ring of 2 stages, got 3}}
  %0 = tile.slot %k_smem[%ring] : !tile.st<64, 64, bf16, stages = 2>, !tile.ring<3> -> !tile.st<64, 64, bf16>
}

// -----
tile.kernel @slot() threads 128 grid [[], [], []] {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16, stages = 2>
  %ring = tile.ring : !tile.ring<2>
  // expected-error @+1 {{expected one stage, '!tile.st<64, 64, bf16>', got '!tile.st<64, 32, bf16>'}}
  %0 = tile.slot %k_smem[%ring] : !tile.st<64, 64, bf16, stages = 2>, !tile.ring<2> -> !tile.st<64, 32, bf16>
}

// -----

tile.kernel @far_ahead() threads 128 grid [[], [], []] {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16, stages = 2>
  %ring = tile.ring : !tile.ring<2>
  // expected-error @+1 {{expected a tile from the one before to 2 ahead, got 3}}
  %0 = tile.slot %k_smem[%ring + 3] : !tile.st<64, 64, bf16, stages = 2>, !tile.ring<2> -> !tile.st<64, 64, bf16>
}

// -----

tile.kernel @far_back() threads 128 grid [[], [], []] {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16, stages = 2>
  %ring = tile.ring : !tile.ring<2>
  // expected-error @+1 {{expected a tile from the one before to 2 ahead, got -2}}
  %0 = tile.slot %k_smem[%ring + -2] : !tile.st<64, 64, bf16, stages = 2>, !tile.ring<2> -> !tile.st<64, 64, bf16>
}

// -----

tile.kernel @phase_before() threads 128 grid [[], [], []] {
  %ring = tile.ring : !tile.ring<2>
  // expected-error @+1 {{expected the tile at hand or 1, the next, got -1}}
  %0 = tile.phase %ring + -1 : !tile.ring<2>
}

// -----

tile.kernel @slot_after_advance() threads 128 grid [[], [], []] {
  %k_empty = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  // expected-error @+1 {{expected its uses ahead of the next tile.advance of the ring, got one behind it: tile.bar.arrive}}
  %0 = tile.slot %k_empty[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
  tile.bar.arrive %0 : !tile.barrier
  tile.advance %ring : !tile.ring<2>
  tile.bar.arrive %0 : !tile.barrier
}

// -----

tile.kernel @phase_behind_an_if_that_advances(%sk: index) threads 128 grid [[], [], []] {
  %k_full = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  // expected-error @+1 {{expected its uses ahead of the next tile.advance of the ring, got one behind it: tile.bar.wait}}
  %phase = tile.phase %ring : !tile.ring<2>
  tile.if [%sk] {
    tile.advance %ring : !tile.ring<2>
  }
  %0 = tile.slot %k_full[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
  tile.bar.wait %0, %phase : !tile.barrier, index
}

// -----

tile.kernel @phase_behind_an_advance_in_an_if(%sk: index) threads 128 grid [[], [], []] {
  %k_full = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  // expected-error @+1 {{expected its uses ahead of the next tile.advance of the ring, got one behind it: tile.bar.wait}}
  %phase = tile.phase %ring : !tile.ring<2>
  tile.if [%sk] {
    tile.role producer {
      tile.advance %ring : !tile.ring<2>
    }
    %0 = tile.slot %k_full[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
    tile.bar.wait %0, %phase : !tile.barrier, index
  }
}

// -----

// The next iteration's wait is behind this one's advance.
tile.kernel @phase_in_a_loop_that_advances(%sk: index) threads 128 grid [[], [], []] {
  %k_full = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  // expected-error @+1 {{expected its uses ahead of the next tile.advance of the ring, got one behind it: tile.bar.wait}}
  %phase = tile.phase %ring : !tile.ring<2>
  tile.for %j from %sk down to %sk {
    %0 = tile.slot %k_full[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
    tile.bar.wait %0, %phase : !tile.barrier, index
    tile.if [%j] {
      tile.advance %ring : !tile.ring<2>
    }
  }
}

// -----

tile.kernel @phase_behind_a_loop_that_advances(%sk: index) threads 128 grid [[], [], []] {
  %k_full = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  // expected-error @+1 {{expected its uses ahead of the next tile.advance of the ring, got one behind it: tile.bar.wait}}
  %phase = tile.phase %ring : !tile.ring<2>
  tile.for %j from %sk down to %sk {
    tile.advance %ring : !tile.ring<2>
  }
  %0 = tile.slot %k_full[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
  tile.bar.wait %0, %phase : !tile.barrier, index
}

// -----

// A select is text that its users print, too.
tile.kernel @selected_slot_behind_an_advance(%sk: index) threads 128 grid [[], [], []] {
  %k_full = tile.alloc : !tile.barrier<stages = 2>
  %k_landed = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  %cut_ring = tile.ring : !tile.ring<2>
  %0 = tile.slot %k_full[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
  // expected-error @+1 {{expected its uses ahead of the next tile.advance of the ring, got one behind it: tile.bar.arrive}}
  %1 = tile.slot %k_landed[%cut_ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
  %2 = tile.select affine_map<(s) -> (s)>(%sk) %1, %0 : !tile.barrier
  tile.advance %cut_ring : !tile.ring<2>
  tile.bar.arrive %2 : !tile.barrier
}

// -----
tile.kernel @index(%sk: index) threads 128 grid [[], [], []] {
  // expected-error @+1 {{expected one expression, or min or max of several, got 2 and only}}
  %a = tile.index [%sk, %sk + 1]
}

// -----
tile.kernel @visible(%sk: index) threads 128 grid [[], [], []] {
  // expected-error @+1 {{expected sets over (query, key) with 1 symbols}}
  %v = tile.visible(%sk) [affine_set<(q, k)[sq, sk] : (q - k >= 0)>]
}

// -----
tile.kernel @nothing(%sk: index) threads 128 grid [[], [], []] {
  // expected-error @+1 {{expected at least one set, got none}}
  %v = tile.visible(%sk) []
}

// -----
tile.kernel @lambda(%scale: f32) threads 128 grid [[], [], []] {
  // expected-error @+1 {{expected a tile.yield at the end, got tile.mul}}
  %score = tile.lambda(%s: f32) {
    %0 = tile.mul %s, %scale
  }
}

// -----
tile.kernel @expression(%scale: f32) threads 128 grid [[], [], []] {
  // expected-error @+1 {{expected one expression, got a definition of "x"}}
  %score = tile.lambda(%s: f32) {
    %x = tile.mul %s, %scale
    tile.yield %x : f32
  }
}

// -----
tile.kernel @copy(%k: !tile.gl<f16, 64>, %head: index) threads 128 grid [[], [], []] {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16>
  %k_rows = tile.rows %k, %head, %head : (!tile.gl<f16, 64>, index, index) -> !tile.rows<f16, 64>
  // expected-error @+1 {{expected rows of 'bf16', got 'f16'}}
  tile.fetch "K" %k_smem, %k_rows[%head] : !tile.st<64, 64, bf16>, !tile.rows<f16, 64>
}

// -----
tile.kernel @padding(%k: !tile.gl<bf16, 72>, %head: index) threads 128 grid [[], [], []] {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16>
  %k_rows = tile.rows %k, %head, %head : (!tile.gl<bf16, 72>, index, index) -> !tile.rows<bf16, 72>
  // expected-error @+1 {{expected 80 or 96 columns for rows of 72, got 64}}
  tile.block.load_async %k_smem, %k_rows, %head : !tile.st<64, 64, bf16>, !tile.rows<bf16, 72>, index
}

// -----
tile.kernel @whole_ring(%k: !tile.gl<bf16, 64>, %head: index) threads 128 grid [[], [], []] {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16, stages = 2>
  %k_rows = tile.rows %k, %head, %head : (!tile.gl<bf16, 64>, index, index) -> !tile.rows<bf16, 64>
  // expected-error @+1 {{expected one slot of the ring, got '!tile.st<64, 64, bf16, stages = 2>'}}
  tile.block.load_async %k_smem, %k_rows, %head : !tile.st<64, 64, bf16, stages = 2>, !tile.rows<bf16, 64>, index
}

// -----
tile.kernel @view(%k: !tile.gl<bf16, 64>, %head: index) threads 128 grid [[], [], []] {
  // expected-error @+1 {{expected '!tile.rows<bf16, 64>' of '!tile.gl<bf16, 64>', got '!tile.rows<bf16, 32>'}}
  %k_rows = tile.rows %k, %head, %head : (!tile.gl<bf16, 64>, index, index) -> !tile.rows<bf16, 32>
}

// -----
tile.kernel @contraction() threads 128 grid [[], [], []] {
  %scores = tile.alloc : !tile.rt<16, 64, f32>
  %a = tile.alloc : !tile.st<64, 128, bf16>
  %b = tile.alloc : !tile.st<64, 64, bf16>
  // expected-error @+1 {{expected A and B with the same columns and element, got '!tile.st<64, 128, bf16>' and '!tile.st<64, 64, bf16>'}}
  tile.warp.mm_ABt %scores, %a, %b : !tile.rt<16, 64, f32>, !tile.st<64, 128, bf16>, !tile.st<64, 64, bf16>
}

// -----
tile.kernel @scores() threads 128 grid [[], [], []] {
  %scores = tile.alloc : !tile.rt<16, 32, f32>
  %a = tile.alloc : !tile.st<64, 64, bf16>
  // expected-error @+1 {{expected a result of a warp's rows of A by 64, got 16x32 for A of 64x64}}
  tile.warp.mm_ABt %scores, %a, %a : !tile.rt<16, 32, f32>, !tile.st<64, 64, bf16>, !tile.st<64, 64, bf16>
}

// -----
tile.kernel @values() threads 128 grid [[], [], []] {
  %out = tile.alloc : !tile.rt<16, 64, f32>
  %probs = tile.alloc : !tile.rt<16, 32, bf16>
  %v = tile.alloc : !tile.st<64, 64, bf16>
  // expected-error @+1 {{expected B with 32 rows, as A has columns, got 64x64}}
  tile.warp.mma_AB %out, %probs, %v : !tile.rt<16, 64, f32>, !tile.rt<16, 32, bf16>, !tile.st<64, 64, bf16>
}

// -----
tile.kernel @out() threads 128 grid [[], [], []] {
  %out = tile.alloc : !tile.rt<32, 64, f32>
  %probs = tile.alloc : !tile.rt<16, 64, bf16>
  %v = tile.alloc : !tile.st<64, 64, bf16>
  // expected-error @+1 {{expected a result of 16x64, got 32x64}}
  tile.warp.mma_AB %out, %probs, %v : !tile.rt<32, 64, f32>, !tile.rt<16, 64, bf16>, !tile.st<64, 64, bf16>
}

// -----
tile.kernel @convert() threads 128 grid [[], [], []] {
  %scores = tile.alloc : !tile.rt<16, 64, f32>
  %probs = tile.alloc : !tile.rt<16, 32, bf16>
  // expected-error @+1 {{expected tiles of one shape, got 16x32 and 16x64}}
  tile.warp.convert %probs, %scores : !tile.rt<16, 32, bf16>, !tile.rt<16, 64, f32>
}

// -----
tile.kernel @step(%scale: f32) threads 128 grid [[], [], []] {
  %scores = tile.alloc : !tile.rt<16, 64, f32>
  %m = tile.alloc : !tile.rv<32>
  // expected-error @+1 {{expected vectors of 16 rows, got '!tile.rv<32>'}}
  tile.softmax.step %scores, %m, %m, %m, %scale : !tile.rt<16, 64, f32>, !tile.rv<32>, !tile.rv<32>, !tile.rv<32>, f32
}

// -----
tile.kernel @store(%sk: index) threads 128 grid [[], [], []] {
  %out = tile.alloc : !tile.rt<16, 64, f32>
  %o = tile.alloc : !tile.st<16, 64, bf16>
  // expected-error @+1 {{expected a range of rows for global memory and none for shared, got '!tile.st<16, 64, bf16>'}}
  tile.warp.store %o, %out rows [%sk, %sk) : !tile.st<16, 64, bf16>, !tile.rt<16, 64, f32>
}

// -----
tile.kernel @finite() threads 128 grid [[], [], []] {
  %v = tile.alloc : !tile.st<64, 64, bf16, stages = 2>
  %found = tile.alloc : !tile.bool
  // expected-error @+1 {{expected one slot of the ring, got '!tile.st<64, 64, bf16, stages = 2>'}}
  tile.block.make_finite %v, %found : !tile.st<64, 64, bf16, stages = 2>, !tile.bool
}

// -----
tile.kernel @nonfinite(%v: !tile.gl<bf16, 64>, %o: !tile.gl<bf16, 32>, %i: index, %sk: index) threads 128 grid [[], [], []] {
  %found = tile.alloc : !tile.bool
  %v_rows = tile.rows %v, %i, %i : (!tile.gl<bf16, 64>, index, index) -> !tile.rows<bf16, 64>
  %o_rows = tile.rows %o, %i, %i : (!tile.gl<bf16, 32>, index, index) -> !tile.rows<bf16, 32>
  %visible = tile.visible(%i, %sk) [affine_set<(q, k)[sq, sk] : (q - k >= 0)>]
  // expected-error @+1 {{expected rows of O as long as those of V, got '!tile.rows<bf16, 32>' and '!tile.rows<bf16, 64>'}}
  tile.block.add_nonfinite %o_rows, %found, %v_rows, %i, %sk, %i, %sk, %visible : !tile.rows<bf16, 32>, !tile.bool, !tile.rows<bf16, 64>, index, index, index, index, !tile.lambda
}

// -----
// expected-error @+1 {{expected columns of 8-bit elements in blocks of 32 bytes, got 48}}
tile.kernel @bytes(%st: !tile.st<64, 48, f8E4M3FN>) threads 128 grid [[], [], []] {}

// -----
// expected-error @+1 {{expected columns of 8-bit elements in blocks of 32 bytes, got 16}}
tile.kernel @bytes(%rt: !tile.rt<16, 16, f8E4M3FN>) threads 128 grid [[], [], []] {}

// -----
tile.kernel @transpose() threads 128 grid [[], [], []] {
  %v = tile.alloc : !tile.st<64, 128, f8E4M3FN>
  %v_t = tile.alloc : !tile.st<64, 128, f8E4M3FN>
  // expected-error @+1 {{expected a tile of 128x64, got 64x128}}
  tile.warpgroup.transpose %v_t, %v : !tile.st<64, 128, f8E4M3FN>, !tile.st<64, 128, f8E4M3FN>
}

// -----
tile.kernel @transpose() threads 128 grid [[], [], []] {
  %v = tile.alloc : !tile.st<64, 64, bf16>
  %found = tile.alloc : !tile.flag
  // expected-error @+1 {{expected 8-bit elements, got 'bf16' and 'bf16'}}
  tile.warpgroup.transpose_finite %v, %v, %found : !tile.st<64, 64, bf16>, !tile.st<64, 64, bf16>, !tile.flag
}

// -----
tile.kernel @transpose() threads 128 grid [[], [], []] {
  %v = tile.alloc : !tile.st<64, 64, f8E4M3FN, stages = 2>
  // expected-error @+1 {{expected one slot of each ring, got '!tile.st<64, 64, f8E4M3FN, stages = 2>' and '!tile.st<64, 64, f8E4M3FN, stages = 2>'}}
  tile.warpgroup.transpose %v, %v : !tile.st<64, 64, f8E4M3FN, stages = 2>, !tile.st<64, 64, f8E4M3FN, stages = 2>
}

// -----
tile.kernel @product() threads 128 grid [[], [], []] {
  %out = tile.alloc : !tile.rt<16, 64, f32>
  %probs = tile.alloc : !tile.rt<16, 128, f8E4M3FN>
  %v_t = tile.alloc : !tile.st<128, 64, f8E4M3FN>
  // expected-error @+1 {{expected A and B with the same columns and element, got '!tile.rt<16, 128, f8E4M3FN>' and '!tile.st<128, 64, f8E4M3FN>'}}
  tile.warpgroup.mma_ABt_async %out, %probs, %v_t : !tile.rt<16, 64, f32>, !tile.rt<16, 128, f8E4M3FN>, !tile.st<128, 64, f8E4M3FN>
}

// -----
tile.kernel @product() threads 128 grid [[], [], []] {
  %out = tile.alloc : !tile.rt<16, 96, f32>
  %probs = tile.alloc : !tile.rt<16, 64, f8E4M3FN>
  %v_t = tile.alloc : !tile.st<128, 64, f8E4M3FN>
  // expected-error @+1 {{expected a result of 16x128, got 16x96}}
  tile.warpgroup.mma_ABt_async %out, %probs, %v_t : !tile.rt<16, 96, f32>, !tile.rt<16, 64, f8E4M3FN>, !tile.st<128, 64, f8E4M3FN>
}

// -----
tile.kernel @product() threads 128 grid [[], [], []] {
  %out = tile.alloc : !tile.rt<16, 128, f32>
  %probs = tile.alloc : !tile.rt<16, 64, f8E4M3FN>
  %v_t = tile.alloc : !tile.st<128, 64, f8E4M3FN, stages = 2>
  // expected-error @+1 {{expected one slot of the ring, got '!tile.st<128, 64, f8E4M3FN, stages = 2>'}}
  tile.warpgroup.mma_ABt_async %out, %probs, %v_t : !tile.rt<16, 128, f32>, !tile.rt<16, 64, f8E4M3FN>, !tile.st<128, 64, f8E4M3FN, stages = 2>
}

// -----
// expected-error @+1 {{expected a cluster of 2 to 8 blocks with roles, got 2}}
tile.kernel @alone() threads 128 grid [[], [], []] attributes {cluster = 2 : i64} {
  tile.block.sync
}

// -----
// expected-error @+1 {{expected a tile.cluster.sync at the end, for other blocks arrive at this one's barriers, got tile.cluster.arrive}}
tile.kernel @leaves_early() threads 256 grid [[], [], []] attributes {warpgroups = 1 : i64, cluster = 2 : i64} {
  %k_empty = tile.alloc : !tile.barrier
  tile.cluster.arrive 2 %k_empty : !tile.barrier
}

// -----
tile.kernel @arrivals() threads 256 grid [[], [], []] attributes {warpgroups = 1 : i64, cluster = 2 : i64} {
  %k_empty = tile.alloc : !tile.barrier
  // expected-error @+1 {{expected the 2 blocks of the kernel's cluster, got 4}}
  tile.cluster.arrive 4 %k_empty : !tile.barrier
  tile.cluster.sync
}

// -----
tile.kernel @whole_tile(%k: !tile.tensor_map<bf16, 64, box = 64>, %i: index) threads 256 grid [[], [], []] attributes {warpgroups = 1 : i64, cluster = 2 : i64} {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16>
  %k_full = tile.alloc : !tile.barrier
  %k_rows = tile.rows %k, %i, %i : (!tile.tensor_map<bf16, 64, box = 64>, index, index) -> !tile.rows<bf16, 64>
  %keep = tile.l2.evict_last : () -> !tile.policy
  // expected-error @+1 {{expected boxes of 64 / 2 rows, got 64}}
  tile.tma.multicast_async 2 %k_smem, %k_rows, %i, %k_full, %keep : !tile.st<64, 64, bf16>, !tile.rows<bf16, 64>, index, !tile.barrier, !tile.policy
}

// -----
tile.kernel @half_tile(%k: !tile.tensor_map<bf16, 64, box = 32>, %i: index) threads 256 grid [[], [], []] attributes {warpgroups = 1 : i64} {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16>
  %k_full = tile.alloc : !tile.barrier
  %k_rows = tile.rows %k, %i, %i : (!tile.tensor_map<bf16, 64, box = 32>, index, index) -> !tile.rows<bf16, 64>
  %keep = tile.l2.evict_last : () -> !tile.policy
  // expected-error @+1 {{expected boxes of 64 / 1 rows, got 32}}
  tile.tma.load_async %k_smem, %k_rows, %i, %k_full, %keep : !tile.st<64, 64, bf16>, !tile.rows<bf16, 64>, index, !tile.barrier, !tile.policy
}
