"""Time to a first kernel, which needs no GPU: Attune against Triton, and against nvcc on the same text and on FlashAttention's own source.

usage: compile_peers.py --attune PROGRAM [--samples 5] [--flash-attention CHECKOUT] [--out FILE]

Each sample is a process of its own with empty caches: what a user waits for who starts a program. Triton needs its package, nvcc a toolkit, FlashAttention a
checkout with CUTLASS in it; what is not there is left out, and said."""

import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TEMPLATES = HERE.parents[1] / "templates"
MODEL, HEAD_DIM = "qwen2.5-7b", 128


def measure(samples, command, **environment):
    """Milliseconds of whole processes, each with an empty cache folder: on the clock, and of the CPU (its children's too), which says more on a machine that is not
    idle. None if the command fails."""
    taken, worked = [], []
    for _ in range(samples):
        with tempfile.TemporaryDirectory() as empty:
            caches = {name: empty for name in ("TRITON_CACHE_DIR", "ATTUNE_CACHE_DIR", "CUDA_CACHE_PATH")}
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **caches, **environment})
            taken.append((time.perf_counter() - start) * 1000)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            worked.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
        if done.returncode != 0:
            print(f"{' '.join(map(str, command))[:120]}: {(done.stderr.strip().splitlines() or ['failed'])[-1][:200]}", file=sys.stderr)
            return None
    return {"ms": statistics.median(taken), "least_ms": min(taken), "most_ms": max(taken), "cpu_ms": statistics.median(worked), "least_cpu_ms": min(worked), "samples": samples}


def cpu():
    """The processor, with its family and model as `attune bench` writes it: a virtual machine's name of it may be any generation's."""
    with open("/proc/cpuinfo") as file:
        facts = dict(line.replace("\t", "").rstrip("\n").split(": ", 1) for line in file.read().split("\n\n")[0].splitlines() if ": " in line)
    named = facts.get("model name")
    return f"{named} (family {facts['cpu family']}, model {facts['model']})" if {"cpu family", "model"} <= facts.keys() else named


def versions(nvcc):
    found = {}
    try:
        found["triton"] = importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        pass
    if nvcc:
        found["nvcc"] = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout.split("release ")[-1].split(",")[0]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attune", required=True)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--flash-attention", type=pathlib.Path, help="a checkout, with csrc/cutlass")
    parser.add_argument("--commit", help="of this build, for the record")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    results, nvcc = [], shutil.which("nvcc")

    def add(who, arch, what, command, samples=options.samples):
        print(f"{who}, {arch}", file=sys.stderr, flush=True)
        if taken := measure(samples, command):
            results.append({"who": who, "arch": arch, "what": what, **taken})

    with tempfile.TemporaryDirectory() as folder:
        include = pathlib.Path(folder) / "include"
        include.mkdir()
        (include / "attune").symlink_to(TEMPLATES)
        for arch, capability in ("sm_80", 80), ("sm_90a", 90):
            command = [options.attune, "compile", "--preset", MODEL, "--arch", arch, "--json"]
            add("attune", arch, "spec to cubin, by NVRTC", command)
            add("triton", arch, "a kernel of FlashAttention-2's algorithm to cubin; import included", [sys.executable, HERE / "triton_attention.py", str(capability), str(HEAD_DIM)])
            if nvcc:
                text = pathlib.Path(folder) / f"{arch}.cu"
                text.write_text(subprocess.run(command[:-1], capture_output=True, text=True, check=True).stdout)
                add("nvcc, Attune's text", arch, "the text that Attune prints, to cubin", [nvcc, "-std=c++20", "-cubin", f"-arch={arch}", f"-I{include}", "-o", os.devnull, text])
        if nvcc and options.flash_attention:
            root = options.flash_attention
            source = root / f"hopper/instantiations/flash_fwd_hdim{HEAD_DIM}_bf16_sm90.cu"
            add("nvcc, FlashAttention-3", "sm_90a", f"{source.name}: all masks and lengths of one head dim, to cubin",
                [nvcc, "-std=c++17", "-O3", "-cubin", "-arch=sm_90a", "--use_fast_math", "--expt-relaxed-constexpr", "--expt-extended-lambda", "-DCUTLASS_ENABLE_GDC_FOR_SM90",
                 f"-I{root}/hopper", f"-I{root}/csrc/cutlass/include", "-o", os.devnull, source], samples=1)
    print(f"{'who':26} {'arch':8} {'ms':>9} {'CPU ms':>9}  what")
    for r in results:
        print(f"{r['who']:26} {r['arch']:8} {r['ms']:9.0f} {r['cpu_ms']:9.0f}  {r['what']}")
    if not nvcc:
        print("nvcc is not installed: left out")
    if options.out:
        machine = {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "cpu": cpu(), "cores": os.cpu_count(), "load": os.getloadavg()[0],
                   "versions": versions(nvcc)}
        options.out.write_text(json.dumps({"machine": machine, "commit": options.commit, "model": MODEL, "head_dim": HEAD_DIM, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
