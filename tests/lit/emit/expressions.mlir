// RUN: attune-translate --emit-cuda %s | FileCheck %s

// Expressions read as a person would write them.

// CHECK-LABEL: names(const gl<f16, 64> q, const int* const offsets, const int sq, const int sk, const float scale)
tile.kernel @names(%q: !tile.gl<f16, 64>, %offsets: !tile.ptr<i32>, %sq: index, %sk: index, %scale: f32)
    threads 64 grid [[], [], []] {
  // a value without a name is printed where it is used
  // CHECK: const int q_begin = (gridDim.x - blockIdx.x - 1) * 128;
  %0 = tile.blocks x
  %1 = tile.block x
  %q_begin = tile.index [(%0 - 1 - %1) * 128]
  // / where the dividend cannot be negative, floordiv where it can
  // CHECK: const int tiles = sk / 64;
  %tiles = tile.index [%sk floordiv 64]
  // CHECK: const int rounded = (sk + 63) / 64 * 64;
  %rounded = tile.index [((%sk + 63) floordiv 64) * 64]
  // CHECK: const int diagonal = floordiv(q_begin + sk - sq + 127, 64);
  %diagonal = tile.index [(%q_begin + %sk - %sq + 127) floordiv 64]
  // CHECK: const int first = max(min(diagonal, ceildiv(sk, 64)), 0);
  %2 = tile.index min [%diagonal, %sk ceildiv 64]
  %zero = tile.index [0]
  %first = tile.index max [%2, 0]
  // CHECK: const int chunk = blockIdx.x % sk;
  %chunk = tile.index [%1 mod symbol(%sk)]
  // the length of a sequence is not negative
  // CHECK: const int start = offsets[blockIdx.x];
  // CHECK: const int length = offsets[blockIdx.x + 1] - start;
  // CHECK: const int length_tiles = length / 64;
  %start = tile.element %offsets[%1] : !tile.ptr<i32> -> index
  %3 = tile.index [%1 + 1]
  %4 = tile.element %offsets[%3] : !tile.ptr<i32> -> index
  %length = tile.index [%4 - %start]
  %length_tiles = tile.index [%length floordiv 64]
  // conditions are solved for the key, or for the first operand
  // CHECK: return key <= query + sk - sq && key >= query - 127 && key < sk; };
  %causal = tile.visible(%sq, %sk) [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0, k - q + 127 >= 0, sk - k - 1 >= 0)>]
  // CHECK: return key <= row / 7 || (key < 10 && key % 2 == 0); };
  %either = tile.visible(%sq, %sk) [affine_set<(q, k)[sq, sk] : (q - k >= 0)>,
                                   affine_set<(q, k)[sq, sk] : (-k + 9 >= 0, k mod 2 == 0)>] group 7
  // CHECK: if (q_begin >= sq)
  // CHECK-NEXT: return;
  tile.if [%q_begin - %sq] { tile.return }
  // CHECK: if (sk > diagonal) {
  tile.if [%sk - %diagonal - 1] {
    tile.block.sync
    tile.block.sync
  }
  // CHECK: for (int j = tiles - 1; j >= 0; --j) {
  %5 = tile.index [0]
  tile.for %j from %tiles down to %5 { tile.block.sync }
  // CHECK: for (int i = 0; i < tiles; ++i) {
  tile.for %i from %5 up to %tiles { tile.block.sync }
  // CHECK: const auto score = [=](float s, Key key) { return softcap(s * scale, 50.0f) - scale * distance(sk, key); };
  %score = tile.lambda(%s: f32, %key: !tile.key) {
    %6 = tile.mul %s, %scale
    %7 = tile.constant 50.0
    %8 = tile.softcap %6, %7 : (f32, f32) -> f32
    %9 = tile.distance %sk, %key : (index, !tile.key) -> f32
    %10 = tile.mul %scale, %9
    %11 = tile.sub %8, %10
    tile.yield %11 : f32
  }
  // CHECK: rv<16> row_max, row_sum;
  // CHECK-NEXT: rt<f16, 16, 64> probs;
  %row_max = tile.alloc : !tile.rv<16>
  %row_sum = tile.alloc : !tile.rv<16>
  %probs = tile.alloc : !tile.rt<16, 64, f16>
  // CHECK: auto& k_smem = shared::at<st<f16, 64, 64>[3]>(1024);
  %k_smem = tile.alloc at 1024 : !tile.st<64, 64, f16, stages = 3>
}

// A comment that is too long goes on as a comment.
// CHECK-LABEL: comment() {
//       CHECK:   // key tiles, counted without the gap between sets: [0, kv_end) have a visible pair, of [full_begin, full_end) and
//  CHECK-NEXT:   //   [0, lower_full_end) every pair is visible
//  CHECK-NEXT: }
tile.kernel @comment() threads 32 grid [[], [], []] {
  tile.section "key tiles, counted without the gap between sets: [0, kv_end) have a visible pair, of [full_begin, full_end) and [0, lower_full_end) every pair is visible"
}

// CHECK-LABEL: gaps(const int tiles, const int gap_begin, const int gap) {
//  CHECK-NEXT:   const auto key_tile = [=](int j) { return skip(j, gap_begin, gap); };
//  CHECK-NEXT:   const int first = key_tile(tiles - 1) * 64;
tile.kernel @gaps(%tiles: index, %gap_begin: index, %gap: index) threads 32 grid [[], [], []] {
  %key_tile = tile.lambda(%j: index) {
    %0 = tile.skip %j, %gap_begin, %gap : (index, index, index) -> index
    tile.yield %0 : index
  }
  %0 = tile.index [%tiles - 1]
  %1 = tile.apply %key_tile(%0)
  %first = tile.index [%1 * 64]
}

// A long union is broken between its sets.
// CHECK-LABEL: long_union(const int sq, const int sk) {
//  CHECK-NEXT:   const auto visible = [=](int query, Key key) {
//  CHECK-NEXT:     return (key < 8 && key < sk) || (key <= query + sk - sq && key >= query + sk - sq - 29) ||
//  CHECK-NEXT:             (key >= 200 && key < 210 && key < sk) || (key / 64 == query / 64 && key < sk);
//  CHECK-NEXT:   };
tile.kernel @long_union(%sq: index, %sk: index) threads 32 grid [[], [], []] {
  %visible = tile.visible(%sq, %sk) [affine_set<(q, k)[sq, sk] : (7 - k >= 0, sk - k - 1 >= 0)>,
    affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0, k - q - sk + sq + 29 >= 0)>,
    affine_set<(q, k)[sq, sk] : (k - 200 >= 0, 209 - k >= 0, sk - k - 1 >= 0)>,
    affine_set<(q, k)[sq, sk] : (k floordiv 64 - q floordiv 64 == 0, sk - k - 1 >= 0)>]
}
