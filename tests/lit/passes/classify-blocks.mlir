// RUN: attune-opt %s -pass-pipeline='builtin.module(attn-build-kernel,attn.kernel(attn-classify-blocks))' --split-input-file --mlir-print-local-scope --verify-diagnostics | FileCheck %s

// Which tiles of 64 keys a tile of 128 queries needs, and which of them need no mask. Later tiles come first.

// Causal: the diagonal cuts the last tiles, all before them are full. That keys end at sk is implied, so nothing says it.
// CHECK-LABEL: attn.kernel @causal
//       CHECK:   %q_last = attn.bound "q_last" reduce min affine_map<(d0, d1) -> (d0 + 127, d1 - 1)>(%row_begin, %sq)
//       CHECK:   %kv_end = attn.bound "kv_end" affine_map<(d0, d1, d2) -> ((d0 - d1 + d2 + 1) ceildiv 64)>(%q_last, %sq, %sk)
//       CHECK:   %full_end = attn.bound "full_end" reduce max
//       CHECK:   %[[DIAGONAL:.+]] = attn.fold partial %{{.+}} over[%full_end, %kv_end) mask [affine_set<(d0, d1)[s0, s1] : (d0 + s1 - s0 - d1 >= 0)>]
//       CHECK:   attn.fold full %[[DIAGONAL]] over[%{{.+}}, %full_end){{$}}
//   CHECK-NOT:   attn.fold
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{attn-classify-blocks: full tiles skip the mask}}
attn.forward @causal #spec mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>

// -----

// Two blocks of a cluster copy keys for each other, so both visit what any of their 256 rows needs.
// CHECK-LABEL: attn.kernel @cluster
//       CHECK:   %q_last = attn.bound "q_last" reduce min affine_map<(d0, d1) -> (d0 + 255, d1 - 1)>(%row_begin, %sq)
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-remark @+3 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+2 {{attn-build-kernel: 2 blocks share K and V, so each visits the tiles that any of their 256 rows sees}}
// expected-remark @+1 {{attn-classify-blocks: full tiles skip the mask}}
attn.forward @cluster #spec mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 8, stages = 2, warp_specialized = true, cluster = 2>

// -----

// A sliding window cuts tiles on both sides; those before it are not visited.
// CHECK-LABEL: attn.kernel @window
//       CHECK:   %kv_begin = attn.bound "kv_begin" reduce max
//       CHECK:   attn.fold partial %{{.+}} over[%full_end, %kv_end)
//       CHECK:   attn.fold full %{{.+}} over[%full_begin, %full_end){{$}}
//       CHECK:   attn.fold partial %{{.+}} over[%kv_begin, %full_begin)
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{attn-classify-blocks: full tiles skip the mask; tiles are cut on both sides}}
attn.forward @window #spec mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0, k - q - sk + sq + 1023 >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>

// -----

// No mask: only the last tile is cut, by the end of the keys.
// CHECK-LABEL: attn.kernel @dense
//       CHECK:   %kv_end = attn.bound "kv_end" affine_map<(d0) -> (d0 ceildiv 64)>(%sk)
//       CHECK:   attn.fold partial {{.*}} mask [affine_set<(d0, d1)[s0, s1] : (-d1 + s1 - 1 >= 0)>]
//       CHECK:   attn.fold full
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{attn-classify-blocks: full tiles skip the mask}}
attn.forward @dense #spec mask [affine_set<(q, k)[sq, sk] : (0 >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>

// -----

// A union without a gap (prefix-LM): from the first to the last tile of any set, full are those of any set.
// CHECK-LABEL: attn.kernel @prefix
//       CHECK:   %[[PREFIX:.+]] = attn.bound reduce min affine_map<(d0) -> (8, d0 ceildiv 64)>(%sk)
//       CHECK:   %kv_end = attn.bound "kv_end" reduce max affine_map<(d0, d1, d2, d3) -> ((d0 - d1 + d2 + 1) ceildiv 64, d3)>(%q_last, %sq, %sk, %[[PREFIX]])
//       CHECK:   attn.fold partial %{{.+}} over[%full_end, %kv_end) mask
//       CHECK:   attn.fold full %{{.+}} over[%{{.+}}, %full_end){{$}}
//   CHECK-NOT:   attn.fold
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{attn-classify-blocks: full tiles skip the mask}}
attn.forward @prefix #spec mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>, affine_set<(q, k)[sq, sk] : (511 - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>

// -----

// A union with a gap: a window, and the first 128 keys. Tiles are numbered without the gap; those below it keep their
// number. Two ranges of full tiles, one per set, and between them the tiles that either set cuts.
// CHECK-LABEL: attn.kernel @prefix_and_window
//       CHECK:   %begin1 = attn.bound "begin1" reduce max {{.*}}floordiv 64, 0)
//       CHECK:   %end1 = attn.bound "end1" reduce max {{.*}}ceildiv 64, 0)
//       CHECK:   %gap_begin = attn.bound "gap_begin" reduce min affine_map<(d0) -> (d0, 2)>(%end1)
//       CHECK:   %gap = attn.bound "gap" reduce max affine_map<(d0, d1) -> (d0 - d1, 0)>(%begin1, %gap_begin)
//       CHECK:   %lower_full_end = attn.bound "lower_full_end" reduce min
//       CHECK:   %kv_end = attn.bound "kv_end" affine_map<(d0, d1) -> (d0 - d1)>(%{{.+}}, %gap)
//       CHECK:   %[[DIAGONAL:.+]] = attn.fold partial %{{.+}} over[%full_end, %kv_end) past(%gap_begin, %gap) mask
//       CHECK:   %[[WINDOW:.+]] = attn.fold full %[[DIAGONAL]] over[%full_begin, %full_end) past(%gap_begin, %gap){{$}}
//       CHECK:   %[[EDGES:.+]] = attn.fold partial %[[WINDOW]] over[%lower_full_end, %full_begin) past(%gap_begin, %gap) mask
//       CHECK:   attn.fold full %[[EDGES]] over[%{{.+}}, %lower_full_end) past(%gap_begin, %gap){{$}}
//   CHECK-NOT:   attn.fold
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{attn-classify-blocks: full tiles skip the mask; tiles between the sets are skipped}}
attn.forward @prefix_and_window #spec mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0, k - q - sk + sq + 1023 >= 0)>, affine_set<(q, k)[sq, sk] : (127 - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>

// -----

// A set inside another one is dropped, from the mask too. Of three ranges of full tiles two are kept apart.
// CHECK-LABEL: attn.kernel @covered
//       CHECK:   attn.fold partial {{.*}} mask [affine_set<(d0, d1)[s0, s1] : (d0 + s1 - s0 - d1 >= 0)>]
//       CHECK:   attn.fold full
//   CHECK-NOT:   attn.fold
// CHECK-LABEL: attn.kernel @three_windows
// CHECK-COUNT-2: attn.fold full
//   CHECK-NOT:   attn.fold full
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{attn-classify-blocks: full tiles skip the mask}}
attn.forward @covered #spec mask [affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0, k - 99 >= 0)>, affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{some full tiles are treated as cut, for each range of them costs code}}
attn.forward @three_windows #spec mask [affine_set<(q, k)[sq, sk] : (q - k >= 0, k - q + 999 >= 0)>, affine_set<(q, k)[sq, sk] : (q - k - 2000 >= 0, k - q + 2999 >= 0)>, affine_set<(q, k)[sq, sk] : (q - k - 4000 >= 0, k - q + 4999 >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>

// -----

// Of many sets the first two are kept apart.
// CHECK-LABEL: attn.kernel @documents
//       CHECK:   attn.fold partial %{{.+}} over[%{{.+}}, %{{.+}}) past(%end1, %gap, %gap_begin, %gap_0) mask
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{the last 2 sets are visited from their first to their last tile}}
attn.forward @documents #spec mask [affine_set<(q, k)[sq, sk] : (3 - k >= 0)>, affine_set<(q, k)[sq, sk] : (q - k >= 0, k - q + 99 >= 0)>, affine_set<(q, k)[sq, sk] : (k - 1000 >= 0, 1010 - k >= 0)>, affine_set<(q, k)[sq, sk] : (k - 3000 >= 0, 3010 - k >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>

// -----

// Every second key: no tile is full. A mask that hides all: no tile at all.
// CHECK-LABEL: attn.kernel @even
//   CHECK-NOT:   attn.fold full
//       CHECK:   attn.fold partial
//   CHECK-NOT:   attn.fold
// CHECK-LABEL: attn.kernel @never
//   CHECK-NOT:   attn.fold
#spec = #attn.spec<dtype = bf16, q_heads = 8, kv_heads = 8, head_dim = 64, head_dim_v = 64>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{attn-classify-blocks: no tile can be proven full; any tile may be cut by key % 2 == 0}}
attn.forward @even #spec mask [affine_set<(q, k)[sq, sk] : (k mod 2 == 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>
// expected-remark @+2 {{attn-build-kernel: a block has 128 rows}}
// expected-remark @+1 {{attn-classify-blocks: the mask hides every pair, no tile is visited}}
attn.forward @never #spec mask [affine_set<(q, k)[sq, sk] : (q - k - 1 >= 0, k - q >= 0)>]
  schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>
