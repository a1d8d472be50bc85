// RUN: attune-opt %s -attn-split-kv --verify-diagnostics --mlir-print-local-scope | FileCheck %s

// A fold cut into chunks of `split_tiles` key tiles, and their product. Each range is cut to the chunk.

// CHECK-LABEL: attn.kernel @attention_partial
//       CHECK: ^bb0(%row_begin: index, %sq: index, %sk: index, %chunk: index, %split_tiles: index):
//       CHECK:   %chunk_begin = attn.bound "chunk_begin" affine_map<(d0, d1)[s0] -> (d0 + d1 * s0)>(%kv_begin, %chunk, %split_tiles)
//       CHECK:   %chunk_end = attn.bound "chunk_end" reduce min affine_map<(d0, d1, d2) -> (d0 + d1, d2)>(%chunk_begin, %split_tiles, %kv_end)
//       CHECK:   %chunk_full_end = attn.bound "chunk_full_end" reduce max
//       CHECK:   attn.fold partial %{{.+}} over[%chunk_full_end, %chunk_end) mask
//       CHECK:   %[[STATE:.+]] = attn.fold full %{{.+}} over[%chunk_begin, %chunk_full_end)
//       CHECK:   attn.store partial %[[STATE]]
// CHECK-LABEL: attn.kernel @attention_combine
//       CHECK:   %[[ALL:.+]] = attn.merge
//       CHECK:   attn.store %[[ALL]]
#spec = #attn.spec<dtype = bf16, q_heads = 28, kv_heads = 4, head_dim = 128, head_dim_v = 128>
// expected-remark @+1 {{attn-split-kv: chunks of split_tiles key tiles, merged in order by attention_combine}}
attn.kernel @attention_forward #spec <q_tile = 16, kv_tile = 64, warps = 1, stages = 2, pack_gqa = true, split_kv = true> {
^bb0(%rows: index, %sq: index, %sk: index):
  %kv_begin = attn.bound "kv_begin" affine_map<() -> (0)>()
  %kv_end = attn.bound "kv_end" affine_map<(sk) -> (sk ceildiv 64)>(%sk)
  %full_end = attn.bound "full_end" affine_map<(sk) -> (sk floordiv 64)>(%sk)
  %0 = attn.identity
  %1 = attn.fold partial %0 over [%full_end, %kv_end) mask [affine_set<(q, k)[sq, sk] : (sk - 1 - k >= 0)>]
  %2 = attn.fold full %1 over [%kv_begin, %full_end)
  attn.store %2
}

// A kernel whose schedule does not split stays as it is.
// CHECK-LABEL: attn.kernel @whole
//   CHECK-NOT:   chunk
//       CHECK:   attn.store %
attn.kernel @whole #spec <q_tile = 64, kv_tile = 64, warps = 4, stages = 1> {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.identity
  attn.store %0
}
