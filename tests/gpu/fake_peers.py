"""Stand-ins for packages that need a GPU, with the signatures of the real ones (FlashAttention 2.8 and 3, FlashInfer 0.3, xFormers 0.0.32) and plain attention inside:
so that a typo in backends.py, an argument that does not exist or a mask that means another thing is found on a CPU, not in the minutes of a GPU."""

import sys
import types

import torch


def attend(q, k, v, scale, causal=False, left=-1, right=-1, softcap=0.0):
    """(batch, length, heads, dim), all in fp32; causal aligned at the last query and key, as everywhere here."""
    dtype, group = q.dtype, q.shape[2] // k.shape[2]
    q, k, v = q.float(), k.float().repeat_interleave(group, 2), v.float().repeat_interleave(group, 2)
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) * (scale if scale is not None else q.shape[-1] ** -0.5)
    if softcap:
        scores = softcap * torch.tanh(scores / softcap)
    position = torch.arange(q.shape[1])[:, None] + k.shape[1] - q.shape[1]
    key = torch.arange(k.shape[1])[None]
    seen = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool)
    if causal:
        seen &= key <= position
    if left >= 0:
        seen &= key >= position - left
    if right >= 0:
        seen &= key <= position + right
    probs = torch.softmax(scores.masked_fill(~seen, -torch.inf), -1).nan_to_num(0)
    return torch.einsum("bhqk,bkhd->bqhd", probs, v).to(torch.bfloat16 if dtype == torch.float8_e4m3fn else dtype)


def packed(q, k, v, cu_q, cu_k, **options):
    parts = [attend(q[None, a:b], k[None, c:d], v[None, c:d], **options)[0] for a, b, c, d in zip(cu_q.tolist(), cu_q.tolist()[1:], cu_k.tolist(), cu_k.tolist()[1:])]
    return torch.cat(parts)


def descaled(t, descale, cu=None):
    """t times a factor per sequence and kv head; q heads share that of their group."""
    if descale is None:
        return t
    assert descale.dtype == torch.float32 and descale.dim() == 2
    factor = descale.repeat_interleave(t.shape[-2] // descale.shape[1], 1)
    if cu is None:
        return t.float() * factor[:, None, :, None]
    return t.float() * factor.repeat_interleave(cu.diff().long(), 0)[:, :, None]


def flash_attention_2():
    def flash_attn_func(q, k, v, dropout_p=0.0, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0, alibi_slopes=None, deterministic=False, return_attn_probs=False):
        return attend(q, k, v, softmax_scale, causal, *window_size, softcap)

    def flash_attn_varlen_func(q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, dropout_p=0.0, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0,
                               alibi_slopes=None, deterministic=False, return_attn_probs=False, block_table=None):
        assert max_seqlen_q >= cu_seqlens_q.diff().max() and max_seqlen_k >= cu_seqlens_k.diff().max() and cu_seqlens_q.dtype == torch.int32
        return packed(q, k, v, cu_seqlens_q, cu_seqlens_k, scale=softmax_scale, causal=causal, left=window_size[0], right=window_size[1], softcap=softcap)

    def flash_attn_with_kvcache(q, k_cache, v_cache, k=None, v=None, rotary_cos=None, rotary_sin=None, cache_seqlens=None, cache_batch_idx=None, cache_leftpad=None, block_table=None,
                                softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0, rotary_interleaved=True, alibi_slopes=None, num_splits=0, return_softmax_lse=False):
        return attend(q, k_cache[:, :cache_seqlens], v_cache[:, :cache_seqlens], softmax_scale, causal, *window_size, softcap)
    return locals()


def flash_attention_3():
    def flash_attn_func(q, k, v, softmax_scale=None, causal=False, qv=None, q_descale=None, k_descale=None, v_descale=None, window_size=(-1, -1), attention_chunk=0, softcap=0.0,
                        num_splits=1, pack_gqa=None, deterministic=False, sm_margin=0, return_attn_probs=False):
        o = attend(descaled(q, q_descale), descaled(k, k_descale), descaled(v, v_descale), softmax_scale, causal, *window_size, softcap)
        return o.to(torch.bfloat16)

    def flash_attn_varlen_func(q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, seqused_q=None, seqused_k=None, softmax_scale=None, causal=False, qv=None, q_descale=None,
                               k_descale=None, v_descale=None, window_size=(-1, -1), attention_chunk=0, softcap=0.0, num_splits=1, pack_gqa=None, deterministic=False, sm_margin=0,
                               return_attn_probs=False):
        q, k, v = descaled(q, q_descale, cu_seqlens_q), descaled(k, k_descale, cu_seqlens_k), descaled(v, v_descale, cu_seqlens_k)
        return packed(q, k, v, cu_seqlens_q, cu_seqlens_k, scale=softmax_scale, causal=causal, left=window_size[0], right=window_size[1], softcap=softcap)

    def flash_attn_with_kvcache(q, k_cache, v_cache, k=None, v=None, qv=None, rotary_cos=None, rotary_sin=None, cache_seqlens=None, cache_batch_idx=None, cache_leftpad=None,
                                page_table=None, cu_seqlens_q=None, cu_seqlens_k_new=None, max_seqlen_q=None, rotary_seqlens=None, q_descale=None, k_descale=None, v_descale=None,
                                softmax_scale=None, causal=False, window_size=(-1, -1), attention_chunk=0, softcap=0.0, rotary_interleaved=True, scheduler_metadata=None, num_splits=0,
                                pack_gqa=None, sm_margin=0, return_softmax_lse=False):
        return attend(q, k_cache[:, :cache_seqlens], v_cache[:, :cache_seqlens], softmax_scale, causal, *window_size, softcap)
    return locals()


def flash_attention_4():
    def flash_attn_func(q, k, v, qv=None, gather_kv_indices=None, softmax_scale=None, causal=False, window_size=(None, None), learnable_sink=None, softcap=0.0, num_splits=1, pack_gqa=None,
                        deterministic=False, score_mod=None, score_mod_bwd=None, mask_mod=None, return_lse=False):
        if learnable_sink is not None:
            raise NotImplementedError("a stand-in has no sinks")
        left, right = (-1 if side is None else side for side in window_size)
        return attend(q, k, v, softmax_scale, causal, left, right, softcap), None

    def flash_attn_varlen_func(q, k, v, qv=None, cu_seqlens_q=None, cu_seqlens_k=None, max_seqlen_q=None, max_seqlen_k=None, softmax_scale=None, causal=False, window_size=(None, None),
                               learnable_sink=None, softcap=0.0, num_splits=1, pack_gqa=None, deterministic=False, return_lse=False):
        left, right = (-1 if side is None else side for side in window_size)
        return packed(q, k, v, cu_seqlens_q, cu_seqlens_k, scale=softmax_scale, causal=causal, left=left, right=right, softcap=softcap), None
    return locals()


def flashinfer():
    class BatchDecodeWithPagedKVCacheWrapper:
        def __init__(self, float_workspace_buffer, kv_layout="NHD", use_cuda_graph=False, use_tensor_cores=False):
            assert kv_layout == "NHD" and float_workspace_buffer.dtype == torch.uint8

        def plan(self, indptr, indices, last_page_len, num_qo_heads, num_kv_heads, head_dim, page_size, pos_encoding_mode="NONE", window_left=-1, logits_soft_cap=None,
                 q_data_type="float16", kv_data_type=None, data_type=None, sm_scale=None, rope_scale=None, rope_theta=None, non_blocking=True):
            assert indptr.dtype == indices.dtype == last_page_len.dtype == torch.int32 and len(last_page_len) == len(indptr) - 1
            self.planned = indptr.tolist(), indices.long(), last_page_len.tolist(), window_left, logits_soft_cap or 0.0, sm_scale

        def run(self, q, paged_kv_cache):
            ends, pages, last, left, softcap, scale = self.planned
            out = []
            for b, (begin, end) in enumerate(zip(ends, ends[1:])):
                k, v = (cache[pages[begin:end]].flatten(0, 1)[: (end - begin - 1) * cache.shape[1] + last[b]] for cache in paged_kv_cache)
                out.append(attend(q[None, b:b + 1], k[None], v[None], scale, True, left, -1, softcap)[0])
            return torch.cat(out)

    class BatchPrefillWithRaggedKVCacheWrapper:
        def __init__(self, float_workspace_buffer, kv_layout="NHD", use_cuda_graph=False):
            assert kv_layout == "NHD"

        def plan(self, qo_indptr, kv_indptr, num_qo_heads, num_kv_heads, head_dim_qk, head_dim_vo=None, custom_mask=None, packed_custom_mask=None, causal=False, pos_encoding_mode="NONE",
                 use_fp16_qk_reduction=False, window_left=-1, logits_soft_cap=None, sm_scale=None, rope_scale=None, rope_theta=None, q_data_type="float16", kv_data_type=None):
            self.planned = qo_indptr, kv_indptr, dict(scale=sm_scale, causal=causal, left=window_left, softcap=logits_soft_cap or 0.0)

        def run(self, q, k, v):
            assert q.dim() == k.dim() == v.dim() == 3
            return packed(q, k, v, self.planned[0], self.planned[1], **self.planned[2])
    return locals()


def xformers_ops():
    class LowerTriangularFromBottomRightMask:
        pass

    def memory_efficient_attention_forward(query, key, value, attn_bias=None, p=0.0, scale=None, *, op=None, output_dtype=None):
        assert query.dim() == 5 and query.shape[2:4] == key.shape[2:4]
        o = attend(query.flatten(2, 3), key.flatten(2, 3), value.flatten(2, 3), scale, attn_bias is not None)
        return o.unflatten(2, query.shape[2:4])
    fmha = types.SimpleNamespace(attn_bias=types.SimpleNamespace(LowerTriangularFromBottomRightMask=LowerTriangularFromBottomRightMask))
    return locals()


def install():
    def module(name, content):
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(content)
    module("flash_attn", flash_attention_2())
    module("flash_attn_interface", flash_attention_3())
    module("flash_attn.cute", flash_attention_4())
    sys.modules["flash_attn"].cute = sys.modules["flash_attn.cute"]
    module("flashinfer", flashinfer())
    module("xformers", {})
    module("xformers.ops", xformers_ops())
    sys.modules["xformers"].ops = sys.modules["xformers.ops"]
