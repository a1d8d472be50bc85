// RUN: attune-opt %s | attune-opt | FileCheck %s

// The dialect, stage by stage, as one writes it by hand. It prints what it reads.

#spec = #attn.spec<dtype = bf16, q_heads = 28, kv_heads = 4, head_dim = 128, head_dim_v = 128, lse = true>
#prefill = #attn.schedule<q_tile = 128, kv_tile = 64, warps = 4, stages = 1>
#decode = #attn.schedule<q_tile = 16, kv_tile = 64, warps = 1, stages = 2, pack_gqa = true, split_kv = true>
#causal = affine_set<(q, k)[sq, sk] : (q + sk - sq - k >= 0)>
#prefix = affine_set<(q, k)[sq, sk] : (511 - k >= 0)>

// What to compute. A mask is a union of sets over (query, key); the lengths are symbols.
// CHECK: attn.forward @prefix_lm <dtype = bf16, q_heads = 28, kv_heads = 4, head_dim = 128, head_dim_v = 128, lse = true> mask [#{{set[0-9]*}}, #{{set[0-9]*}}]{{$}}
attn.forward @prefix_lm #spec mask [#causal, #prefix]

// With a score modification, and with a schedule to build a kernel for.
// CHECK: attn.forward @modified <dtype = f16, q_heads = 8, kv_heads = 8, head_dim = 72, head_dim_v = 40, top_left = true, varlen = true, sink = true, alibi = per_head, softcap = 5.000000e+01 : f64>
// CHECK-SAME: schedule <q_tile = 128, kv_tile = 64, warps = 4, stages = 1>
attn.forward @modified <dtype = f16, q_heads = 8, kv_heads = 8, head_dim = 72, head_dim_v = 40, top_left = true, varlen = true, sink = true,
                        alibi = per_head, softcap = 50.0 : f64> mask [#causal] schedule #prefill

// One launch: what a block does for one tile of rows. Arguments and bounds have names.
// CHECK-LABEL: attn.kernel @attention_forward
//       CHECK: ^bb0(%row_begin: index, %sq: index, %sk: index):
//       CHECK:   %kv_end = attn.bound "kv_end" reduce min #{{.*}}(%row_begin, %sq, %sk)
//       CHECK:   %[[S0:.+]] = attn.identity
//       CHECK:   %[[S1:.+]] = attn.fold partial %[[S0]] over[%full_end, %kv_end) mask [#
//       CHECK:   %[[S2:.+]] = attn.fold full %[[S1]] over[%kv_begin, %full_end){{$}}
//       CHECK:   attn.store %[[S2]]
attn.kernel @attention_forward #spec #prefill {
^bb0(%rows: index, %sq: index, %sk: index):
  %kv_begin = attn.bound "kv_begin" affine_map<() -> (0)>()
  %kv_end = attn.bound "kv_end" reduce min affine_map<(row, sq, sk) -> ((row + sk - sq + 128) ceildiv 64, sk ceildiv 64)>(%rows, %sq, %sk)
  %full_end = attn.bound "full_end" reduce max affine_map<(row, sq, sk) -> ((row + sk - sq + 1) floordiv 64, 0)>(%rows, %sq, %sk)
  %0 = attn.identity
  %1 = attn.fold partial %0 over [%full_end, %kv_end) mask [#causal]
  %2 = attn.fold full %1 over [%kv_begin, %full_end)
  attn.store %2
}

// A chunk of the keys, and the product of all chunks' states.
// CHECK-LABEL: attn.kernel @attention_partial
//       CHECK: ^bb0(%row_begin: index, %sq: index, %sk: index, %chunk: index, %split_tiles: index):
//       CHECK:   attn.store partial
attn.kernel @attention_partial #spec #decode {
^bb0(%rows: index, %sq: index, %sk: index, %chunk: index, %split_tiles: index):
  %chunk_begin = attn.bound "chunk_begin" affine_map<(chunk)[tiles] -> (chunk * tiles)>(%chunk, %split_tiles)
  %chunk_end = attn.bound "chunk_end" reduce min affine_map<(begin, tiles, sk) -> (begin + tiles, sk ceildiv 64)>(%chunk_begin, %split_tiles, %sk)
  %0 = attn.identity
  %1 = attn.fold mixed %0 over [%chunk_begin, %chunk_end) mask [#causal]
  attn.store partial %1
}

// CHECK-LABEL: attn.kernel @attention_combine
//       CHECK:   %[[ALL:.+]] = attn.merge
//       CHECK:   attn.store %[[ALL]]
attn.kernel @attention_combine #spec #decode {
^bb0(%rows: index, %sq: index, %sk: index):
  %0 = attn.merge
  attn.store %0
}
