"""The peers: each makes a function of (q, k, v) that computes a case, with its own best options, or says why it can't.

Inputs are those of Attune: (batch, length, heads, dim) in bf16 or e4m3, or (total, heads, dim) with cu_seqlens if the case is varlen; O has the same layout.
`extra` has the device, cu_seqlens as lists, and the tensors that are not Q, K and V."""

import functools

import torch
import torch.nn.functional as F


class Unsupported(Exception):
    pass


def features(case):
    """What of the spec a peer must know."""
    spec = case["spec"]
    window = spec.get("window") or {}
    return {"causal": spec.get("causal", "none") == "bottom_right", "left": window.get("left"), "right": window.get("right"), "softcap": spec.get("softcap") or 0.0,
            "sink": spec.get("sink", False), "scale": spec.get("scale") or spec["head_dim"] ** -0.5, "varlen": spec.get("varlen", False),
            "gqa": spec["q_heads"] != spec["kv_heads"], "one_token": case["q_len"] == 1, "fp8": spec.get("dtype") == "fp8_e4m3"}


def refuse(feature, *names):
    for name in names:
        if feature[name]:
            raise Unsupported(name)


def sdpa(backend, case, extra):
    f = features(case)
    refuse(f, "left", "right", "softcap", "sink", "varlen", "fp8")
    if f["causal"] and not f["one_token"] and case["q_len"] != case["kv_len"]:
        raise Unsupported("causal with fewer queries than keys")
    from torch.nn.attention import SDPBackend, sdpa_kernel
    kernel = getattr(SDPBackend, backend)

    def run(q, k, v):
        with sdpa_kernel(kernel):
            o = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=f["causal"] and not f["one_token"], scale=f["scale"],
                                               enable_gqa=f["gqa"])
        return o.transpose(1, 2)
    return run


def flex(case, extra, compiled=True):
    f = features(case)
    refuse(f, "fp8")
    from torch.nn.attention import flex_attention as fa
    device = extra["device"]
    torch.compiler.reset()  # each case has its own mask: after a few of them nothing would be compiled any more
    q_total, k_total = (extra["cu_seqlens_q"][-1], extra["cu_seqlens_k"][-1]) if f["varlen"] else (case["q_len"], case["kv_len"])
    if f["varlen"]:  # one sequence of all; a query sees the keys of its own
        def owners(cu):
            lengths = torch.tensor([b - a for a, b in zip(cu, cu[1:])])
            return torch.repeat_interleave(torch.arange(len(lengths)), lengths).to(device)
        q_owner, k_owner = owners(extra["cu_seqlens_q"]), owners(extra["cu_seqlens_k"])
        ends = torch.tensor([k - q for q, k in zip(extra["cu_seqlens_q"][1:], extra["cu_seqlens_k"][1:])], device=device)

    def mask(b, h, q, k):
        position = q + (ends[q_owner[q]] if f["varlen"] else k_total - q_total)
        seen = q_owner[q] == k_owner[k] if f["varlen"] else q >= 0
        if f["causal"]:
            seen = seen & (k <= position)
        if f["left"] is not None:
            seen = seen & (k >= position - f["left"])
        if f["right"] is not None:
            seen = seen & (k <= position + f["right"])
        return seen

    def score(s, b, h, q, k):
        return f["softcap"] * torch.tanh(s / f["softcap"])
    whole = not (f["causal"] or f["left"] is not None or f["right"] is not None or f["varlen"])
    blocks = None if whole or (f["one_token"] and not f["varlen"] and f["left"] is None) else fa.create_block_mask(mask, None, None, q_total, k_total, device=device)
    kernel = torch.compile(fa.flex_attention, dynamic=False) if compiled else fa.flex_attention

    def run(q, k, v):
        if f["varlen"]:
            q, k, v = q[None], k[None], v[None]
        o = kernel(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), score_mod=score if f["softcap"] else None, block_mask=blocks, scale=f["scale"], enable_gqa=f["gqa"],
                   return_lse=f["sink"])
        if f["sink"]:  # one more logit in the denominator, after the fact
            o, lse = o
            o = (o * torch.sigmoid(lse - extra["tensors"]["sink"][:, None])[..., None]).to(q.dtype)
        return o.transpose(1, 2)[0] if f["varlen"] else o.transpose(1, 2)
    return run


def flash(module, case, extra):
    """FlashAttention 2 (flash_attn), 3 (flash_attn_interface) and 4 (flash_attn.cute): one interface, nearly."""
    import importlib
    fa = importlib.import_module(module)
    f = features(case)
    newest = module == "flash_attn.cute"
    refuse(f, *([] if newest else ["sink"]), *([] if module == "flash_attn_interface" else ["fp8"]))
    unlimited = None if newest else -1
    descales = {name: extra["tensors"][name] for name in ("q_descale", "k_descale", "v_descale")} if f["fp8"] else {}
    options = {**descales, "causal": f["causal"], "softcap": f["softcap"], "softmax_scale": f["scale"],
               "window_size": (unlimited if f["left"] is None else f["left"], unlimited if f["right"] is None else f["right"])}
    if f["sink"]:
        options["learnable_sink"] = extra["tensors"]["sink"].to(torch.bfloat16)
    first = lambda result: result[0] if isinstance(result, tuple) else result
    if f["varlen"]:
        cu_q, cu_k = (torch.tensor(extra[name], dtype=torch.int32, device=extra["device"]) for name in ("cu_seqlens_q", "cu_seqlens_k"))
        return lambda q, k, v: first(fa.flash_attn_varlen_func(q, k, v, cu_seqlens_q=cu_q, cu_seqlens_k=cu_k, max_seqlen_q=case["q_len"], max_seqlen_k=case["kv_len"], **options))
    if f["one_token"] and not newest:
        return lambda q, k, v: first(fa.flash_attn_with_kvcache(q, k, v, cache_seqlens=case["kv_len"], **options))
    return lambda q, k, v: first(fa.flash_attn_func(q, k, v, **options))


def flashinfer(case, extra):
    import flashinfer as fi
    f = features(case)
    refuse(f, "sink", "right", "fp8")
    spec, device = case["spec"], extra["device"]
    buffer = torch.empty(512 << 20, dtype=torch.uint8, device=device)
    options = {"sm_scale": f["scale"], "logits_soft_cap": f["softcap"] or None, "window_left": -1 if f["left"] is None else f["left"], "q_data_type": torch.bfloat16}
    integers = lambda values: torch.tensor(values, dtype=torch.int32, device=device)
    if f["one_token"] and not f["varlen"]:  # its decode kernels want pages: the cache is cut into pages of 16 where it lies
        if spec["head_dim"] != spec.get("head_dim_v", spec["head_dim"]) or case["kv_len"] % 16:
            raise Unsupported("pages of 16 keys, one head dim")
        pages, batch = case["kv_len"] // 16, case["batch"]
        wrapper = fi.BatchDecodeWithPagedKVCacheWrapper(buffer, "NHD", use_tensor_cores=f["gqa"])
        wrapper.plan(integers(range(0, batch * pages + 1, pages)), torch.arange(batch * pages, dtype=torch.int32, device=device), integers([16] * batch), spec["q_heads"],
                     spec["kv_heads"], spec["head_dim"], 16, **options)
        paged = lambda t: t.reshape(batch * pages, 16, spec["kv_heads"], spec["head_dim"])
        return lambda q, k, v: wrapper.run(q[:, 0], (paged(k), paged(v)))[:, None]
    cu_q = extra["cu_seqlens_q"] if f["varlen"] else [n * case["q_len"] for n in range(case["batch"] + 1)]
    cu_k = extra["cu_seqlens_k"] if f["varlen"] else [n * case["kv_len"] for n in range(case["batch"] + 1)]
    wrapper = fi.BatchPrefillWithRaggedKVCacheWrapper(buffer, "NHD")
    wrapper.plan(integers(cu_q), integers(cu_k), spec["q_heads"], spec["kv_heads"], spec["head_dim"], head_dim_vo=spec.get("head_dim_v", spec["head_dim"]), causal=f["causal"], **options)
    return lambda q, k, v: wrapper.run(q.flatten(0, -3), k.flatten(0, -3), v.flatten(0, -3)).view(*q.shape[:-1], -1)


def xformers(case, extra):
    import xformers.ops as xops
    f = features(case)
    refuse(f, "sink", "softcap", "left", "right", "varlen", "fp8")
    bias = xops.fmha.attn_bias.LowerTriangularFromBottomRightMask() if f["causal"] and not f["one_token"] else None
    heads, kv_heads = case["spec"]["q_heads"], case["spec"]["kv_heads"]

    def run(q, k, v):
        group = heads // kv_heads
        q5 = q.unflatten(2, (kv_heads, group))
        k5, v5 = (t.unsqueeze(3).expand(-1, -1, -1, group, -1) for t in (k, v))
        return xops.memory_efficient_attention_forward(q5, k5, v5, attn_bias=bias, scale=f["scale"]).flatten(2, 3)
    return run


PEERS = {
    "sdpa-flash": functools.partial(sdpa, "FLASH_ATTENTION"), "sdpa-cudnn": functools.partial(sdpa, "CUDNN_ATTENTION"), "sdpa-efficient": functools.partial(sdpa, "EFFICIENT_ATTENTION"),
    "flex": flex, "flash-attention-4": functools.partial(flash, "flash_attn.cute"), "flash-attention-3": functools.partial(flash, "flash_attn_interface"), "flash-attention-2": functools.partial(flash, "flash_attn"),
    "flashinfer": flashinfer, "xformers": xformers,
}
