#!/usr/bin/env python3
"""Instructions of the loops with wgmma in a cubin, by class, and what the kernel takes: python3 instructions.py KERNEL.cubin ... > counts.json

A loop goes from the target of a backward branch to that branch; the innermost ones that hold wgmma are listed. Where a
forward branch in it skips a block of at least 50 comparisons and selections, the mask, `full_tile` is the loop without
that block. `kernel` is all of the code. `static_shared_bytes` is what the cubin itself asks for: a launch adds the dynamic
part. One kernel per cubin. Needs nvdisasm (CUDA toolkit, or the package nvidia-cuda-nvdisasm).
"""
import collections
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

CLASSES = {
    "tensor": {"HGMMA", "QGMMA", "IGMMA", "BGMMA"},
    "exponential": {"MUFU"},
    "fp32": {"FFMA", "FMUL", "FADD", "FMNMX"},
    "conversion": {"F2FP", "F2F"},
    "comparison": {"ISETP", "FSETP", "FSEL", "SEL", "PLOP3"},
    "shuffle": {"SHFL"},
    "shared": {"LDS", "STS", "LDSM", "STSM", "ATOMS", "UTMALDG", "UTMASTG", "UTMAREDG", "UBLKCP", "UBLKRED"},
    "global": {"LDG", "STG", "ATOM", "ATOMG", "RED"},
    "local": {"LDL", "STL"},
    "other_tensor": {"HMMA", "IMMA", "BMMA", "DMMA"},
    "barrier": {"BAR", "SYNCS", "WARPGROUP", "WARPSYNC", "ELECT", "DEPBAR", "NANOSLEEP", "YIELD"},
    "control": {"BRA", "BSSY", "BSYNC", "BREAK", "CALL"},
}


def opcode(text):
    return re.sub(r"^@!?U?P\w+\s+", "", text).split()[0].split(".")[0]


def kind(text):
    op = opcode(text)
    for name, opcodes in CLASSES.items():
        if op in opcodes:
            return name
    return "uniform" if op.startswith("U") or op in ("REDUX", "R2UR") else "integer"


def nvdisasm():
    """On PATH, in a toolkit, or installed beside NVRTC's wheel: pip install --target .nvrtc nvidia-cuda-nvdisasm. None without."""
    root = pathlib.Path(__file__).resolve().parents[2]
    folders = [*filter(None, [os.environ.get("CUDA_HOME")]), *sorted(glob.glob("/usr/local/cuda*"))]
    folders += glob.glob(f"{root}/.nvrtc/nvidia/*")
    return shutil.which("nvdisasm", path=os.pathsep.join([os.environ.get("PATH", ""), *(f"{folder}/bin" for folder in folders)]))


def listing(cubin):
    return subprocess.run([nvdisasm() or "nvdisasm", cubin], capture_output=True, text=True, check=True).stdout


def disassemble(text):
    """Instructions, and the position of each label among them."""
    code, labels = [], {}
    for line in map(str.strip, text.splitlines()):
        if label := re.match(r"(\.L_x_\d+):", line):
            labels[label[1]] = len(code)
        elif instruction := re.match(r"/\*[0-9a-f]{4,5}\*/\s+([^.].*?);", line):
            code.append(instruction[1])
    return code, labels


def resources(text, code):
    def attribute(name):
        word = re.search(name + r"\n(?:.*\n){1,6}?.*index@.*\n.*\.word\s+(0x[0-9a-f]+)", text)
        return int(word[1], 16) if word else 0

    shared = re.findall(r"\.section\s+\.nv\.shared\.(?!reserved).*\n(?:.*\n){1,3}?\s+\.zero\s+(\d+)", text)
    limits = (re.match(r"USETMAXREG.*?(0x[0-9a-f]+)", t) for t in code)
    return {
        "registers": attribute("EIATTR_REGCOUNT"),
        "setmaxnreg": sorted({int(limit[1], 16) for limit in limits if limit}),
        "local_bytes": attribute("EIATTR_FRAME_SIZE"),
        "static_shared_bytes": sum(map(int, shared)),
    }


def target(text, labels):
    branch = re.search(r"BRA.*`\((\.L_x_\d+)\)", text)
    return labels.get(branch[1]) if branch else None


def loops(code, labels):
    found = []
    for end, text in enumerate(code):
        begin = target(text, labels)
        if begin is None or begin > end:
            continue
        body = code[begin : end + 1]
        # retries of a wait lie behind the end of the kernel and jump back from there: no loops
        if any(kind(t) == "tensor" for t in body) and not any(opcode(t) == "EXIT" for t in body):
            found.append((begin, end))
    return [a for a in found if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in found)]


def without_mask(code, labels, begin, end):
    for at in range(begin, end):
        to = target(code[at], labels)
        if to and at < to <= end and sum(kind(t) == "comparison" for t in code[at + 1 : to]) >= 50:
            return code[begin : at + 1] + code[to : end + 1]
    return None


def beside(body):
    """Exponentials from the wait that leaves one group of wgmma, P V, under way to the wait for that one."""
    for n, text in enumerate(body):
        if re.match(r"WARPGROUP\.DEPBAR\.LE gsb0, 0x1", text):
            after = body[n + 1 :] + body[:n]  # the loop may begin anywhere
            waits = (m for m, t in enumerate(after) if t.startswith("WARPGROUP.DEPBAR"))
            return sum(kind(t) == "exponential" for t in after[: next(waits, 0)])
    return 0


def classes(body):
    return dict(sorted({"shared": 0, **collections.Counter(map(kind, body))}.items()))


def counts(body):
    by_class = classes(body)
    per_wgmma = round(len(body) / by_class["tensor"], 1)
    return {"all": len(body), **by_class, "per_wgmma": per_wgmma, "beside_pv": beside(body)}


def measure(cubin):
    text = listing(cubin)
    code, labels = disassemble(text)
    listed = []
    for begin, end in loops(code, labels):
        entry = {"loop": counts(code[begin : end + 1])}
        if full := without_mask(code, labels, begin, end):
            entry["full_tile"] = counts(full)
        listed.append(entry)
    size = {"cubin_bytes": pathlib.Path(cubin).stat().st_size}
    return {**size, **resources(text, code), "instructions": len(code), "kernel": classes(code), "loops": listed}


def main():
    print(json.dumps({pathlib.Path(cubin).name: measure(cubin) for cubin in sys.argv[1:]}, indent=2))


if __name__ == "__main__":
    main()
