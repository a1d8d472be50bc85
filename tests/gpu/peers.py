"""Attune against what is installed here, in one process: the cases of `attune bench`, the same tensors, the same graphs, A B A B.

usage: peers.py --attune PROGRAM --library libattune_c.so [--suite prefill,decode,varlen] [--only TEXT] [--rounds 9] [--seed 1] [--time-limit S] [--out FILE [--resume]]
       peers.py --self-test ...   on a CPU: what is compared is the same attention, by stand-ins where a peer needs a GPU; nothing is timed

Ratios are time of the peer over time of Attune: above 1 Attune is faster. FILE is rewritten after each case. A case that does not end kills this process after two
minutes, and an error that leaves the GPU's context unusable ends it: with --resume the next one goes on behind that case. Exit codes: 0 done, 1 cases failed, 75 go on with --resume."""

import argparse
import json
import math
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

import torch

import attune_c
import backends
import inputs
from exact import WrongResult, check, difference, tolerance

AGAIN = 75  # EX_TEMPFAIL
DEVICE = "cuda:0"
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp8_e4m3": torch.float8_e4m3fn}


def list_cases(program, suites, only):
    command = [program, "bench", "--list-cases", "--json", "--suite", suites] + (["--only", only] if only else [])
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["cases"]


def make_inputs(case, device, seed):
    """The tensors of `attune bench` and `attune run` for this seed."""
    spec = case["spec"]
    dtype = DTYPES[spec.get("dtype", "bf16")]
    out = torch.bfloat16 if dtype == torch.float8_e4m3fn else dtype
    head_dim_v = spec.get("head_dim_v", spec["head_dim"])
    q_total, k_total = (case["cu_seqlens_q"][-1], case["cu_seqlens_k"][-1]) if spec.get("varlen") else (0, 0)

    def rows(total, length):
        return (total,) if spec.get("varlen") else (case["batch"], length)
    named = {"q": inputs.tensor(seed, "q", (*rows(q_total, case["q_len"]), spec["q_heads"], spec["head_dim"]), dtype, device, inputs.scale_of_q(spec)),
             "k": inputs.tensor(seed, "k", (*rows(k_total, case["kv_len"]), spec["kv_heads"], spec["head_dim"]), dtype, device),
             "v": inputs.tensor(seed, "v", (*rows(k_total, case["kv_len"]), spec["kv_heads"], head_dim_v), dtype, device)}
    named["o"] = torch.empty(*named["q"].shape[:-1], head_dim_v, device=device, dtype=out)
    named["lse"] = torch.empty((spec["q_heads"], q_total) if spec.get("varlen") else (case["batch"], spec["q_heads"], case["q_len"]), device=device, dtype=torch.float32)
    if spec.get("varlen"):
        for name in "cu_seqlens_q", "cu_seqlens_k":
            named[name] = torch.tensor(case[name], dtype=torch.int32, device=device)
    if spec.get("sink"):
        named["sink"] = inputs.tensor(seed, "sink", (spec["q_heads"],), torch.float32, device)
    if dtype == torch.float8_e4m3fn:
        for name in "q_descale", "k_descale", "v_descale":
            named[name] = inputs.uniform_tensor(seed, name, (case["batch"], spec["kv_heads"]), device, 2.0)
    return named


def make_plan(engine, case):
    total = case["cu_seqlens_q"][-1] if case["spec"].get("varlen") else case["batch"] * case["q_len"]
    return engine.plan(case["spec"], case["batch"], case["q_len"], case["kv_len"], total)


def extras(case, named):
    return {"device": named["q"].device, "cu_seqlens_q": case.get("cu_seqlens_q"), "cu_seqlens_k": case.get("cu_seqlens_k"), "tensors": named}


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
        turns = max(1, min(math.ceil(2.0 / max(begin.elapsed_time(end), 1e-3)), 500))  # 2 ms a sample
        self.turns = math.ceil(turns / sets) * sets  # and every set of tensors, or the cache would be warm
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


class ContextLost(Exception):
    """Of CUDA: nothing works any more in this process. `peer` did it, or Attune if there is none."""
    peer = None


def synchronize():
    try:
        torch.cuda.synchronize()
    except RuntimeError as error:
        raise ContextLost(str(error).splitlines()[0]) from error


def reason(error):
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160] if lines else ''}"


class Patience:
    """Compiling a peer for each case (FlexAttention) must not take the time in which all others are measured: a third of it, at most."""

    def __init__(self):
        self.start, self.spent = time.monotonic(), {}

    def allows(self, name):
        spent = self.spent.get(name, 0)
        return spent < 30 or spent < (time.monotonic() - self.start) / 3

    def add(self, name, seconds):
        self.spent[name] = self.spent.get(name, 0) + seconds


def compare_on_gpu(engine, case, rounds, seed, patience, without):
    l2, memory = torch.cuda.get_device_properties(0).L2_cache_size, torch.cuda.get_device_properties(0).total_memory
    sets = max(1, min(3 * l2 // max(int(case["bytes"]), 1) + 1, memory // 8 // max(int(case["bytes"]), 1), 4096))
    first = make_inputs(case, DEVICE, seed)
    inputs_of = [first] + [{name: tensor.clone() for name, tensor in first.items()} for _ in range(sets - 1)]  # the same numbers elsewhere: the cache is cold
    plan = make_plan(engine, case)
    arguments = [engine.tensors(named) for named in inputs_of]
    engine.launch(plan, arguments[0], torch.cuda.current_stream().cuda_stream)
    synchronize()
    check(case, first)
    ours, refused = first["o"].clone(), {}
    contenders = {"attune": Timed(lambda n: engine.launch(plan, arguments[n], torch.cuda.current_stream().cuda_stream), sets)}
    for name, make in backends.PEERS.items():
        begin = time.monotonic()
        try:
            if name in without:
                raise backends.Unsupported(without[name])
            if not patience.allows(name):
                raise backends.Unsupported("left out: it would spend the others' time on compiling")
            run = make(case, extras(case, first))
            call = lambda n, run=run: run(inputs_of[n]["q"], inputs_of[n]["k"], inputs_of[n]["v"])
            off = difference(call(0), ours)
            if not off < tolerance(case):
                raise backends.Unsupported(f"another result: off by {off:.3g}")
            contenders[name] = Timed(call, sets)
        except Exception as error:  # whatever a library throws is its answer
            refused[name] = reason(error)
            try:
                synchronize()
            except ContextLost as lost:
                lost.peer = name
                without[name] = "it made the GPU's context unusable: " + refused[name]
                raise
        patience.add(name, time.monotonic() - begin)
    for n in range(rounds):  # A B C, C B A, ...: a drifting clock hits all alike
        for timed in list(contenders.values())[:: -1 if n % 2 else 1]:
            timed.samples.append(timed.replay())
    return {name: timed.result() for name, timed in contenders.items()}, refused


def means(results):
    """Geometric means over cases; each case gets its ratios, and a mark where Attune is slower."""
    ratios = {}
    for entry in results:
        us = entry["times"]["attune"]["us"]
        entry["ratios"] = {name: t["us"] / us for name, t in entry["times"].items() if name != "attune"}
        best = min(entry["ratios"].values(), default=None)
        entry["slower"] = best is not None and best < 1
        for name, ratio in entry["ratios"].items():
            ratios.setdefault(name, []).append(ratio)
        if best is not None:
            ratios.setdefault("the best of all", []).append(best)
    return {name: {"geometric_mean": statistics.geometric_mean(values), "cases": len(values), "slower_in": sum(r < 1 for r in values)} for name, values in ratios.items()}


def report(results, over_cases):
    print(f"{'case':44} {'attune us':>10} {'TFLOPS':>7}  peers: time over Attune's", flush=True)
    for entry in results:
        us = entry["times"]["attune"]["us"]
        print(f"{entry['name']:44} {us:10.1f} {entry['flops'] / us * 1e-6:7.1f}  " + "  ".join(f"{n} {r:.2f}" for n, r in sorted(entry["ratios"].items(), key=lambda x: x[1]))
              + ("   <-- Attune is slower" if entry["slower"] else ""))
    print("\ngeometric means, time over Attune's")
    for name, mean in over_cases.items():
        print(f"  {name:20} {mean['geometric_mean']:.3f} over {mean['cases']} cases; Attune is slower in {mean['slower_in']}")


def self_test(engine, cases, seed, whole):
    """The same attention on the CPU: options are mapped rightly, and the C interface works. SDPA and FlexAttention run their plain code, the others are stand-ins
    (fake_peers.py) with the signatures of the real ones: every function of backends.py is called, and what it says is compared."""
    import fake_peers
    fake_peers.install()
    peers = {"sdpa-math": lambda c, e: backends.sdpa("MATH", c, e), **backends.PEERS, "flex": lambda c, e: backends.flex(c, e, compiled=False)}
    for backend in "sdpa-flash", "sdpa-cudnn", "sdpa-efficient":
        del peers[backend]  # the function is that of sdpa-math
    failures, compared = 0, dict.fromkeys(peers, 0)
    for case in cases:
        named = make_inputs(case, "cpu", seed)
        try:
            engine.run_from_host(make_plan(engine, case), named)
        except attune_c.Unsupported as why:
            print(f"{case['name']:44} Attune can't: {why}")
            continue
        try:
            check(case, named)
        except WrongResult as why:
            failures += 1
            print(f"{case['name']:44} {why}   <-- wrong")
        for name, make in peers.items():
            try:
                off = difference(make(case, extras(case, named))(named["q"], named["k"], named["v"]), named["o"])
            except backends.Unsupported as why:
                print(f"{case['name']:44} {name:18} can't: {why}")
                continue
            compared[name] += 1
            failures += not off < tolerance(case)
            print(f"{case['name']:44} {name:18} off by {off:.2g}" + ("" if off < tolerance(case) else "   <-- wrong"))
    never = [name for name, count in compared.items() if not count]
    print(f"No speed was measured: {sum(compared.values())} comparisons on the emulated device and the CPU, {failures} failed" + (f"; never compared: {', '.join(never)}" if never else "") + ".")
    return 1 if failures or (whole and never) else 0


def tiny(case):
    """Few short sequences: the emulated device takes seconds for them."""
    square = case["q_len"] == case["kv_len"]  # what is causal for some peers only then stays so
    small = dict(case, batch=min(case["batch"], 2), q_len=min(case["q_len"], 40), kv_len=min(case["kv_len"], 40 if square else 80))
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
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on where the run that left --out stopped")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--device", default="emulated", help="of the self-test")
    options = parser.parse_args()
    cases = spread(list_cases(options.attune, options.suite, options.only))
    if options.self_test:
        small = {json.dumps({key: case[key] for key in case if key not in ("name", "flops", "bytes")}): case for case in map(tiny, cases)}
        return self_test(attune_c.Engine(options.library, options.device), list(small.values()), options.seed, not options.only)
    if not torch.cuda.is_available():
        print("No speed was measured: PyTorch sees no GPU here. --self-test compares results on the CPU.")
        return 0
    return measure(options, cases)


def spread(cases):
    """Suites in turns, and neighbours apart: whenever the time is over, there is something of everything."""
    suites = {}
    for case in cases:
        suites.setdefault(case["suite"], []).append(case)
    groups = list(suites.values())
    order = {}
    for s, group in enumerate(groups):
        strided = [n for first in range(5) for n in range(first, len(group), 5)]
        order.update({(s, n): (at + 0.5) / len(group) for at, n in enumerate(strided)})
    return [groups[s][n] for (s, n), _ in sorted(order.items(), key=lambda item: item[1])]


def measure(options, cases):
    torch.set_grad_enabled(False)
    engine, start, patience = attune_c.Engine(options.library, "cuda:0"), time.monotonic(), Patience()
    document = {"torch": torch.__version__, "device": torch.cuda.get_device_name(), "seed": options.seed, "cases": [], "failed": [], "skipped": [], "without": {}, "running": None, "complete": False}
    if options.resume and os.path.exists(options.out):
        document.update(json.loads(pathlib.Path(options.out).read_text()))
        if document["running"]:  # the last run ended in it
            document["failed"].append({"name": document["running"], "why": "it did not end in two minutes"})
    results, failed = document["cases"], document["failed"]

    def keep(running):
        document["running"] = running
        document["means"] = means(results)
        if options.out:
            part = options.out + ".part"
            pathlib.Path(part).write_text(json.dumps(document, indent=1))
            os.replace(part, options.out)

    known = {entry["name"] for entry in results + failed + document["skipped"]}
    code = None
    try:
        for n, case in enumerate(cases):
            if case["name"] in known:
                continue
            if options.time_limit and time.monotonic() - start > options.time_limit:
                break
            print(f"{n + 1}/{len(cases)} {case['suite']} {case['name']}", file=sys.stderr, flush=True)
            keep(case["name"])
            signal.alarm(120)  # a kernel that never ends leaves no chance to a handler: the signal kills
            try:
                times, refused = compare_on_gpu(engine, case, options.rounds, options.seed, patience, document["without"])
                results.append({"suite": case["suite"], "name": case["name"], "flops": case["flops"], "bytes": case["bytes"], "times": times, "refused": refused})
                torch.cuda.empty_cache()
            except attune_c.Unsupported as error:
                document["skipped"].append({"name": case["name"], "why": str(error)})
            except ContextLost as error:
                if not error.peer:
                    failed.append({"name": case["name"], "why": f"Attune's kernel: {error}"})
                code = AGAIN
                break
            except WrongResult as error:
                failed.append({"name": case["name"], "why": str(error)})
            except (RuntimeError, torch.OutOfMemoryError) as error:
                failed.append({"name": case["name"], "why": reason(error)})
                try:
                    torch.cuda.empty_cache()
                    synchronize()
                except (RuntimeError, ContextLost):
                    code = AGAIN
                    break
            finally:
                signal.alarm(0)
        else:
            document["complete"] = True
    except KeyboardInterrupt:
        pass
    keep(None)
    report(results, document["means"])
    for entry in failed:
        print(f"FAILED {entry['name']}: {entry['why']}")
    return code if code is not None else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
