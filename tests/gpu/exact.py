"""What is right: results compared with one another, and Attune's with fp64."""

import torch

import backends
import inputs


def difference(a, b):
    return (a.float() - b.float()).abs().max().item() if a.numel() else 0.0


def tolerance(case):
    """bf16 rounds O and P to 2^-8 of values below 8; e4m3 rounds P to 2^-4, and descales double V."""
    return 0.4 if case["spec"].get("dtype") == "fp8_e4m3" else 0.06


class WrongResult(Exception):
    """Of Attune: it has no time then."""


def rows_of(case, count=48):
    """Places (sequence, query, q head) to look at: the first and last query of the first and last sequence, and others spread over all."""
    heads, cu_q = case["spec"]["q_heads"], case.get("cu_seqlens_q") or [n * case["q_len"] for n in range(case["batch"] + 1)]
    batch, total = len(cu_q) - 1, cu_q[-1]
    places = []
    for n in range(count):
        row = n * (total - 1) // max(count - 1, 1) if n % 2 or n == 0 else inputs.bits(1, "rows", n) % total
        sequence = next(b for b in range(batch) if cu_q[b] <= row < cu_q[b + 1])
        places.append((sequence, row - cu_q[sequence], (n * 7 + 3) % heads))
    return places


def check(case, named):
    """Attune's O against fp64 at some rows. Throws WrongResult."""
    spec, f = case["spec"], backends.features(case)
    cu_q, cu_k = (case.get(name) or [n * case[length] for n in range(case["batch"] + 1)] for name, length in (("cu_seqlens_q", "q_len"), ("cu_seqlens_k", "kv_len")))
    q, k, v, o = (named[name].flatten(0, -3) for name in "qkvo")
    group = spec["q_heads"] // spec["kv_heads"]
    for b, i, head in rows_of(case):
        sq, sk, kv_head = cu_q[b + 1] - cu_q[b], cu_k[b + 1] - cu_k[b], head // group
        factor = [named[name][b, kv_head].double() if f["fp8"] else 1.0 for name in ("q_descale", "k_descale", "v_descale")]
        query, keys, values = (t.double() * x for t, x in zip((q[cu_q[b] + i, head], k[cu_k[b]:cu_k[b + 1], kv_head], v[cu_k[b]:cu_k[b + 1], kv_head]), factor))
        scores = keys @ query * f["scale"]
        if f["softcap"]:
            scores = f["softcap"] * torch.tanh(scores / f["softcap"])
        position, key = i + sk - sq, torch.arange(sk, device=scores.device)
        hidden = (key > position) if f["causal"] else torch.zeros_like(key, dtype=torch.bool)
        if f["left"] is not None:
            hidden |= key < position - f["left"]
        if f["right"] is not None:
            hidden |= key > position + f["right"]
        scores[hidden] = -torch.inf
        logits = torch.cat([scores, named["sink"][head].double()[None]]) if f["sink"] else scores
        exact = torch.softmax(logits, 0)[:sk] @ values if not hidden.all() else torch.zeros_like(values[0])
        off = (o[cu_q[b] + i, head].double() - exact).abs().max().item()
        if not off < tolerance(case):
            raise WrongResult(f"Attune's O is off by {off:.3g} at sequence {b}, query {i}, head {head}")
