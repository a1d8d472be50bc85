"""Attune against what is installed here, in one process: the cases of `attune bench`, the same tensors, the same graphs, A B A B.

usage: peers.py --attune PROGRAM --library libattune_c.so [--suite prefill,decode,varlen] [--only TEXT] [--rounds 9] [--time-limit S] [--out FILE]
       peers.py --self-test ...   on a CPU: what is compared is the same attention; nothing is timed

Ratios are time of the peer over time of Attune: above 1 Attune is faster."""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time

import torch

import attune_c
import backends


def list_cases(program, suites, only):
    command = [program, "bench", "--list-cases", "--json", "--suite", suites] + (["--only", only] if only else [])
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["cases"]


def make_inputs(case, device, seed):
    spec = case["spec"]
    generator = torch.Generator(device).manual_seed(seed)
    head_dim_v = spec.get("head_dim_v", spec["head_dim"])

    def tensor(total, length, heads, dim):
        shape = (total, heads, dim) if spec.get("varlen") else (case["batch"], length, heads, dim)
        return torch.randn(shape, generator=generator, device=device, dtype=torch.float32).to(torch.bfloat16)
    q_total, k_total = (case["cu_seqlens_q"][-1], case["cu_seqlens_k"][-1]) if spec.get("varlen") else (0, 0)
    named = {"q": tensor(q_total, case["q_len"], spec["q_heads"], spec["head_dim"]), "k": tensor(k_total, case["kv_len"], spec["kv_heads"], spec["head_dim"]),
             "v": tensor(k_total, case["kv_len"], spec["kv_heads"], head_dim_v)}
    named["o"] = torch.empty(*named["q"].shape[:-1], head_dim_v, device=device, dtype=torch.bfloat16)
    rows = (spec["q_heads"], q_total) if spec.get("varlen") else (case["batch"], spec["q_heads"], case["q_len"])
    named["lse"] = torch.empty(rows, device=device, dtype=torch.float32)
    if spec.get("varlen"):
        for name in "cu_seqlens_q", "cu_seqlens_k":
            named[name] = torch.tensor(case[name], dtype=torch.int32, device=device)
    if spec.get("sink"):
        named["sink"] = torch.full((spec["q_heads"],), 0.1, device=device)
    return named


def make_plan(engine, case):
    total = case["cu_seqlens_q"][-1] if case["spec"].get("varlen") else case["batch"] * case["q_len"]
    return engine.plan(case["spec"], case["batch"], case["q_len"], case["kv_len"], total)


def extras(case, device):
    return {"device": device, "cu_seqlens_q": case.get("cu_seqlens_q"), "cu_seqlens_k": case.get("cu_seqlens_k")}


def difference(a, b):
    return (a.float() - b.float()).abs().max().item() if a.numel() else 0.0


class Timed:
    """One contender's graph: launches that rotate through the sets of inputs."""

    def __init__(self, call, sets):
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for n in range(3):
                call(n % sets)
            side.synchronize()
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            call(0)
            end.record()
            side.synchronize()
        self.turns = max(1, min(math.ceil(2.0 / max(begin.elapsed_time(end), 1e-3)), 500))  # 2 ms a sample
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=side):
            for n in range(self.turns):
                call(n % sets)
        self.samples = []
        self.replay()

    def replay(self):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        self.graph.replay()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) * 1000 / self.turns

    def result(self):
        middle = statistics.median(self.samples)
        return {"us": middle, "spread": 1.4826 * statistics.median(abs(s - middle) for s in self.samples) / middle, "samples": len(self.samples)}


def compare_on_gpu(engine, case, rounds):
    device = "cuda:0"
    l2, memory = torch.cuda.get_device_properties(0).L2_cache_size, torch.cuda.get_device_properties(0).total_memory
    sets = max(1, min(3 * l2 // max(int(case["bytes"]), 1) + 1, memory // 8 // max(int(case["bytes"]), 1), 64))
    inputs = [make_inputs(case, device, seed) for seed in range(sets)]
    plan = make_plan(engine, case)
    arguments = [engine.tensors(named) for named in inputs]
    contenders = {"attune": Timed(lambda n: engine.launch(plan, arguments[n], torch.cuda.current_stream().cuda_stream), sets)}
    engine.launch(plan, arguments[0], torch.cuda.current_stream().cuda_stream)
    torch.cuda.synchronize()
    ours, refused = inputs[0]["o"].clone(), {}
    for name, make in backends.PEERS.items():
        try:
            run = make(case, extras(case, device))
            call = lambda n, run=run: run(inputs[n]["q"], inputs[n]["k"], inputs[n]["v"])
            off = difference(call(0), ours)
            if not off < 0.06:  # bf16 rounds O and P to 2^-8 of values below 8
                raise backends.Unsupported(f"another result: off by {off:.3g}")
            contenders[name] = Timed(call, sets)
        except Exception as error:  # whatever a library throws is its answer
            torch.cuda.synchronize()
            refused[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160] if str(error).strip() else ''}"
    for n in range(rounds):  # A B C, C B A, ...: a drifting clock hits all alike
        for timed in list(contenders.values())[:: -1 if n % 2 else 1]:
            timed.samples.append(timed.replay())
    return {name: timed.result() for name, timed in contenders.items()}, refused


def report(results):
    print(f"{'case':44} {'attune us':>10} {'TFLOPS':>7}  peers: time over Attune's", flush=True)
    ratios = {}
    for entry in results:
        us = entry["times"]["attune"]["us"]
        against = {name: t["us"] / us for name, t in entry["times"].items() if name != "attune"}
        for name, ratio in against.items():
            ratios.setdefault(name, []).append(ratio)
        best = min(against.values(), default=None)
        if best is not None:
            ratios.setdefault("the best of all", []).append(best)
        entry["ratios"], entry["slower"] = against, best is not None and best < 1
        print(f"{entry['name']:44} {us:10.1f} {entry['flops'] / us * 1e-6:7.1f}  " + "  ".join(f"{n} {r:.2f}" for n, r in sorted(against.items(), key=lambda x: x[1]))
              + ("   <-- Attune is slower" if entry["slower"] else ""))
    means = {name: {"geometric_mean": statistics.geometric_mean(values), "cases": len(values), "slower_in": sum(r < 1 for r in values)} for name, values in ratios.items()}
    print("\ngeometric means, time over Attune's")
    for name, mean in means.items():
        print(f"  {name:20} {mean['geometric_mean']:.3f} over {mean['cases']} cases; Attune is slower in {mean['slower_in']}")
    return means


def self_test(engine, cases):
    """The same attention by SDPA's and FlexAttention's plain code on the CPU: options are mapped rightly, and the C interface works."""
    failures = compared = 0
    for case in cases:
        named = make_inputs(case, "cpu", 1)
        engine.run_from_host(make_plan(engine, case), named)
        for name, make in {"sdpa": lambda c, e: backends.sdpa("MATH", c, e), "flex": lambda c, e: backends.flex(c, e, compiled=False)}.items():
            try:
                off = difference(make(case, extras(case, "cpu"))(named["q"], named["k"], named["v"]), named["o"])
            except backends.Unsupported as why:
                print(f"{case['name']:44} {name:5} can't: {why}")
                continue
            compared += 1
            failures += not off < 0.06
            print(f"{case['name']:44} {name:5} off by {off:.2g}")
    print(f"No speed was measured: {compared} comparisons on the emulated device and the CPU, {failures} failed.")
    return 1 if failures or not compared else 0


def tiny(case):
    """Few short sequences: the emulated device takes seconds for them."""
    square = case["q_len"] == case["kv_len"]  # what is causal for some peers only then stays so
    small = dict(case, batch=min(case["batch"], 2), q_len=min(case["q_len"], 40), kv_len=min(case["kv_len"], 40 if square else 72))
    if case["spec"].get("varlen"):
        small.update(cu_seqlens_q=[0, small["q_len"], 2 * small["q_len"] - (small["q_len"] > 1) * 7], cu_seqlens_k=[0, small["kv_len"], 2 * small["kv_len"] - 7])
    return small


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attune", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--suite", default="prefill,decode,varlen")
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--time-limit", type=float, default=0, help="seconds; what is measured by then is reported")
    parser.add_argument("--out")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    cases = list_cases(options.attune, options.suite, options.only)
    if options.self_test:
        return self_test(attune_c.Engine(options.library, "emulated"), [tiny(case) for case in cases])
    if not torch.cuda.is_available():
        print("No speed was measured: PyTorch sees no GPU here. --self-test compares results on the CPU.")
        return 0
    engine, start, results, failed = attune_c.Engine(options.library, "cuda:0"), time.monotonic(), [], []
    document = {"torch": torch.__version__, "device": torch.cuda.get_device_name(), "cases": results, "failed": failed, "complete": True}
    try:
        for n, case in enumerate(cases):
            if options.time_limit and time.monotonic() - start > options.time_limit:
                document["complete"] = False
                break
            print(f"{n + 1}/{len(cases)} {case['suite']} {case['name']}", file=sys.stderr, flush=True)
            try:
                times, refused = compare_on_gpu(engine, case, options.rounds)
                results.append({"suite": case["suite"], "name": case["name"], "flops": case["flops"], "bytes": case["bytes"], "times": times, "refused": refused})
            except (RuntimeError, torch.OutOfMemoryError) as error:
                failed.append({"name": case["name"], "why": str(error)[:300]})
            torch.cuda.empty_cache()
    except KeyboardInterrupt:
        document["complete"] = False
    document["means"] = report(results)
    if options.out:
        with open(options.out, "w") as file:
            json.dump(document, file, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
