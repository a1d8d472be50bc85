#!/usr/bin/env python3
"""Machine code of Hopper's default causal kernels: one main loop, all of it on the tensor cores, nothing in local memory, every
exponential beside P V, and at head dim 128 no more instructions per tile than FlashAttention-3, where the NVRTC at hand is of the CUDA that
compiled that: sass_test.py ATTUNE. Skipped without nvdisasm."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "autotune/bench"))
import instructions

SPECS = [{"head_dim": dim} for dim in (64, 96, 128, 256)]
SPECS += [{"head_dim": 192, "head_dim_v": 128}, {"head_dim": 128, "dtype": "fp8_e4m3"}]
COUNTED = json.loads((ROOT / "autotune/bench/results/sm90_instructions.json").read_text())
FA3 = COUNTED["kernels"]["fa3_causal_128x128.cubin"]["loops"]
FA3_CUDA = re.search(r"\bNVRTC\b.* of CUDA ([\d.]+)", COUNTED["how"][0])[1]

failures, notes = [], []


def expect(true, what):
    if not true:
        failures.append(what)


def cuda_of(cubin):
    """The release of ptxas that made it: it notes that from CUDA 13.0 on."""
    release = re.search(rb"Cuda compilation tools, release ([\d.]+)", cubin.read_bytes())
    return release[1].decode() if release else "another"


def check(attune, spec, folder):
    name = json.dumps(spec)
    full = {"q_heads": 28, "kv_heads": 4, "causal": True, **spec}
    compiled = subprocess.run(
        [attune, "compile", json.dumps(full), "--arch", "sm_90a", "--dump", "cubin", "--out", folder], capture_output=True, text=True
    )
    cubins = list(pathlib.Path(folder).glob("*.cubin"))
    expect(compiled.returncode == 0 and len(cubins) == 1, f"{name}: {len(cubins)} kernels; {compiled.stderr.strip()}")
    if not cubins:
        return
    measured = instructions.measure(cubins[0])
    kernel, loops = measured["kernel"], measured["loops"]
    local = (measured["local_bytes"], kernel.get("local", 0))
    expect(local == (0, 0), f"{name}: {local[0]} bytes of local memory, {local[1]} instructions on it")
    expect("other_tensor" not in kernel, f"{name}: {kernel.get('other_tensor')} products that are no wgmma")
    expect(len(loops) == 1, f"{name}: {len(loops)} main loops")
    for part, counted in ((part, counted) for loop in loops for part, counted in loop.items()):
        beside, all_of_them = counted["beside_pv"], counted.get("exponential", 0)
        expect(0 < all_of_them == beside, f"{name}: {beside} of {all_of_them} exponentials of the {part} beside P V")
    if spec == {"head_dim": 128}:
        cut, whole = sorted((loop["loop"]["all"] for loop in FA3), reverse=True)
        cuda = cuda_of(cubins[0])
        if cuda != FA3_CUDA:
            notes.append(f"not compared with FlashAttention-3, counted with CUDA {FA3_CUDA}: this CUDA is {cuda}")
        for part, most in (("loop", cut), ("full_tile", whole)):
            # no full_tile: the branch around the mask is gone
            have = loops[0].get(part, {}).get("all", 0) if loops else 0
            expect(0 < have and (have <= most or cuda != FA3_CUDA), f"{name}: {have} instructions in the {part}, FlashAttention-3 has {most}")


if not instructions.nvdisasm():
    print("skipped: no nvdisasm; it is in a CUDA toolkit, or: python3 -m pip install --target .nvrtc nvidia-cuda-nvdisasm")
    sys.exit(77)
for spec in SPECS:
    with tempfile.TemporaryDirectory() as folder:
        check(sys.argv[1], spec, folder)
print("\n".join([*notes, *(failures or [f"{len(SPECS)} kernels: as they should be"])]))
sys.exit(bool(failures))
