"""FlashAttention-2's forward in Triton, as short as it gets: what a Triton user's first kernel compiles. Causal, GQA, bf16; compiled here, not run."""

import sys
import time

start = time.perf_counter()
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

imported = time.perf_counter()


@triton.jit
def attention(q, k, v, o, lse, scale, length, stride_batch_q, stride_row_q, stride_batch_k, stride_row_k, GROUP: tl.constexpr, D: tl.constexpr, M: tl.constexpr, N: tl.constexpr):
    tile, head, batch = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    rows, keys, dims = tile * M + tl.arange(0, M), tl.arange(0, N), tl.arange(0, D)
    q_at = q + batch * stride_batch_q + head * D + rows[:, None] * stride_row_q + dims[None, :]
    kv = batch * stride_batch_k + head // GROUP * D
    queries = tl.load(q_at, mask=rows[:, None] < length, other=0.0)
    highest = tl.full([M], -float("inf"), tl.float32)
    total = tl.zeros([M], tl.float32)
    out = tl.zeros([M, D], tl.float32)
    for mode in tl.static_range(2):  # tiles where all is visible, then those that the diagonal cuts
        begin = 0 if mode == 0 else tile * M // N * N
        end = tile * M // N * N if mode == 0 else tl.minimum((tile + 1) * M, length)
        for first in range(begin, end, N):
            seen = (first + keys)[None, :] < length
            block = tl.load(k + kv + (first + keys)[None, :] * stride_row_k + dims[:, None], mask=seen, other=0.0)
            scores = tl.dot(queries, block) * (scale * 1.44269504)
            if mode == 1:
                scores = tl.where((first + keys)[None, :] <= rows[:, None], scores, -float("inf"))
            new = tl.maximum(highest, tl.max(scores, 1))
            probs = tl.math.exp2(scores - new[:, None])
            rescale = tl.math.exp2(highest - new)
            total = total * rescale + tl.sum(probs, 1)
            values = tl.load(v + kv + (first + keys)[:, None] * stride_row_k + dims[None, :], mask=(first + keys)[:, None] < length, other=0.0)
            out = tl.dot(probs.to(values.dtype), values, out * rescale[:, None])
            highest = new
    tl.store(o + batch * stride_batch_q + head * D + rows[:, None] * stride_row_q + dims[None, :], (out / total[:, None]).to(queries.dtype), mask=rows[:, None] < length)
    tl.store(lse + (batch * tl.num_programs(1) + head) * length + rows, (highest + tl.math.log2(total)) * 0.69314718, mask=rows < length)


if __name__ == "__main__":
    capability, head_dim = int(sys.argv[1]), int(sys.argv[2])
    pointers = {name: "*bf16" for name in "qkvo"} | {"lse": "*fp32", "scale": "fp32", "length": "i32"}
    signature = pointers | {name: "i32" for name in ("stride_batch_q", "stride_row_q", "stride_batch_k", "stride_row_k")} | {name: "constexpr" for name in ("GROUP", "D", "M", "N")}
    aligned = {(n,): [["tt.divisibility", 16]] for n, name in enumerate(signature) if signature[name][0] == "*" or name.startswith("stride")}
    source = ASTSource(attention, signature, constexprs={"GROUP": 7, "D": head_dim, "M": 128, "N": 64}, attrs=aligned)
    begin = time.perf_counter()
    kernel = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": 8, "num_stages": 3})
    print(f'{{"triton": "{triton.__version__}", "import_ms": {(imported - start) * 1e3:.1f}, "compile_ms": {(time.perf_counter() - begin) * 1e3:.1f}, "cubin_bytes": {len(kernel.asm["cubin"])}}}')
