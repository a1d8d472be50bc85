// RUN: attune-opt %s -pass-pipeline='builtin.module(tile.kernel(tile-materialize-pipeline,tile-allocate-shared,tile-prettify))' | attune-translate --emit-cuda | FileCheck %s

// A planned kernel, through all tile passes, to text.

// CHECK:      // attention_forward: O = softmax(mask(scale * Q K^T)) V
// CHECK-NEXT: #include <attune/tile.cuh>
// CHECK:      auto& q_smem = shared::at<st<bf16, 128, 128>>(0);
// CHECK-NEXT: auto& k_smem = shared::at<st<bf16, 64, 128>>(32768);
// CHECK-NEXT: auto& v_smem = shared::at<st<bf16, 64, 128>>(49152);
// CHECK-NEXT: auto& o_smem = shared::at<st<bf16, 128, 128>>(0); // q_smem is dead by then
// CHECK:      const int kv_end = min(floordiv(q_begin + sk - sq + 127, 64) + 1, floordiv(sk - 1, 64) + 1);
// CHECK:      const auto visible = [=](int query, Key key) { return key <= query + sk - sq && key < sk; };
// CHECK:      block::load_async(q_smem, q_rows, q_begin, sq);
// CHECK-NEXT: if (kv_end > full_end)
// CHECK-NEXT:   block::load_async(k_smem, k_rows, (kv_end - 1) * 64, sk);
// CHECK-NEXT: cp_async::commit();
// CHECK:      for (int j = kv_end - 1; j >= full_end; --j) {
// CHECK-NEXT:   cp_async::wait<0>(); // K(j) is there, V(j + 1) is used up
// CHECK-NEXT:   block::sync();
// CHECK-NEXT:   block::load_async(v_smem, v_rows, j * 64, sk);
// CHECK-NEXT:   cp_async::commit();
// CHECK-NEXT:   warp::mm_ABt(scores, q_smem, k_smem);

#causal = affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0, sk - k - 1 >= 0)>

tile.kernel @attention_forward(%q: !tile.gl<bf16, 128>, %k: !tile.gl<bf16, 128>, %v: !tile.gl<bf16, 128>, %o: !tile.gl<bf16, 128>,
                               %lse: !tile.gl<f32, 1>, %sq: index, %sk: index, %scale: f32)
    threads 128 grid [["QTiles"], ["QHeads"], ["Batch"]]
    attributes {stages = 1 : i64, header = ["attention_forward: O = softmax(mask(scale * Q K^T)) V"]} {
  %q_smem = tile.alloc : !tile.st<128, 128, bf16>
  %k_smem = tile.alloc : !tile.st<64, 128, bf16>
  %v_smem = tile.alloc : !tile.st<64, 128, bf16>
  %o_smem = tile.alloc : !tile.st<128, 128, bf16>

  tile.section "one block: 128 queries of one head; the longest rows go first"
  %0 = tile.blocks x
  %1 = tile.block x
  %q_begin = tile.index [(%0 - 1 - %1) * 128]
  %2 = tile.block y
  %head = tile.index [%2]
  %3 = tile.block z
  %batch = tile.index [%3]
  %4 = tile.index [%2 floordiv 7]
  %q_rows = tile.rows %q, %3, %2 : (!tile.gl<bf16, 128>, index, index) -> !tile.rows<bf16, 128>
  %k_rows = tile.rows %k, %3, %4 : (!tile.gl<bf16, 128>, index, index) -> !tile.rows<bf16, 128>
  %v_rows = tile.rows %v, %3, %4 : (!tile.gl<bf16, 128>, index, index) -> !tile.rows<bf16, 128>

  tile.section "key tiles with a visible pair are [0, kv_end); in [0, full_end) every pair is visible"
  %kv_end = tile.index min [(%q_begin + %sk - %sq + 127) floordiv 64 + 1, (%sk - 1) floordiv 64 + 1]
  %full_end = tile.index min [(%q_begin + %sk - %sq + 1) floordiv 64, %sk floordiv 64]
  %kv_begin = tile.index [0]
  %visible = tile.visible(%sq, %sk) [#causal]

  %log2e = tile.constant 1.4426950408889634
  %scale_log2 = tile.mul %scale, %log2e
  %scores = tile.alloc : !tile.rt<32, 64, f32>
  %probs = tile.alloc : !tile.rt<32, 64, bf16>
  %out = tile.alloc : !tile.rt<32, 128, f32>
  %row_max = tile.alloc : !tile.rv<32>
  %row_sum = tile.alloc : !tile.rv<32>
  %rescale = tile.alloc : !tile.rv<32>
  %row_lse = tile.alloc : !tile.rv<32>
  tile.softmax.reset %out, %row_max, %row_sum : !tile.rt<32, 128, f32>, !tile.rv<32>, !tile.rv<32>

  tile.fetch "Q" %q_smem, %q_rows[%q_begin] limit %sq : !tile.st<128, 128, bf16>, !tile.rows<bf16, 128>

  tile.section "tiles that the mask cuts"
  tile.for %j from %kv_end down to %full_end {
    %10 = tile.index [%j * 64]
    tile.fetch "K" %k_smem, %k_rows[%10] limit %sk : !tile.st<64, 128, bf16>, !tile.rows<bf16, 128>
    tile.warp.mm_ABt %scores, %q_smem, %k_smem : !tile.rt<32, 64, f32>, !tile.st<128, 128, bf16>, !tile.st<64, 128, bf16>
    tile.fetch "V" %v_smem, %v_rows[%10] limit %sk : !tile.st<64, 128, bf16>, !tile.rows<bf16, 128>
    tile.softmax.mask %scores, %q_begin, %10, %visible : !tile.rt<32, 64, f32>, index, index, !tile.lambda
    tile.softmax.step %scores, %row_max, %row_sum, %rescale, %scale_log2 : !tile.rt<32, 64, f32>, !tile.rv<32>, !tile.rv<32>, !tile.rv<32>, f32
    tile.warp.mul_row %out, %out, %rescale : !tile.rt<32, 128, f32>, !tile.rt<32, 128, f32>, !tile.rv<32>
    tile.warp.convert %probs, %scores : !tile.rt<32, 64, bf16>, !tile.rt<32, 64, f32>
    tile.warp.mma_AB %out, %probs, %v_smem : !tile.rt<32, 128, f32>, !tile.rt<32, 64, bf16>, !tile.st<64, 128, bf16>
  }

  tile.section
  tile.softmax.normalize %out, %row_lse, %row_max, %row_sum : !tile.rt<32, 128, f32>, !tile.rv<32>, !tile.rv<32>, !tile.rv<32>
  tile.block.sync
  tile.warp.store %o_smem, %out : !tile.st<128, 128, bf16>, !tile.rt<32, 128, f32>
  tile.block.sync
  %o_rows = tile.rows %o, %3, %2 : (!tile.gl<bf16, 128>, index, index) -> !tile.rows<bf16, 128>
  tile.block.store %o_rows, %o_smem, %q_begin, %sq : !tile.rows<bf16, 128>, !tile.st<128, 128, bf16>, index, index
}
