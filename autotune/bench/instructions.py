#!/usr/bin/env python3
"""Instructions of the loops with wgmma in a cubin, by class: python3 instructions.py KERNEL.cubin ... > counts.json

A loop goes from the target of a backward branch to that branch; the innermost ones that hold wgmma are listed. Where a
forward branch in it skips a block of at least 50 comparisons and selections, the mask, `full_tile` is the loop without
that block. Needs nvdisasm (CUDA toolkit, or the package nvidia-cuda-nvdisasm).
"""
import collections
import json
import pathlib
import re
import subprocess
import sys

CLASSES = {
    "tensor": {"HGMMA", "QGMMA"},
    "exponential": {"MUFU"},
    "fp32": {"FFMA", "FMUL", "FADD", "FMNMX"},
    "conversion": {"F2FP", "F2F"},
    "comparison": {"ISETP", "FSETP", "FSEL", "SEL", "PLOP3"},
    "shuffle": {"SHFL"},
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


def disassemble(cubin):
    """Instructions, and the position of each label among them."""
    out = subprocess.run(["nvdisasm", "-c", cubin], capture_output=True, text=True, check=True).stdout
    code, labels = [], {}
    for line in map(str.strip, out.splitlines()):
        if label := re.match(r"(\.L_x_\d+):", line):
            labels[label[1]] = len(code)
        elif instruction := re.match(r"/\*[0-9a-f]{4,5}\*/\s+(.*?);", line):
            code.append(instruction[1])
    return code, labels


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


def counts(body):
    return {"all": len(body), **dict(sorted(collections.Counter(map(kind, body)).items())), "beside_pv": beside(body)}


def main():
    result = {}
    for cubin in sys.argv[1:]:
        code, labels = disassemble(cubin)
        listed = []
        for begin, end in loops(code, labels):
            entry = {"loop": counts(code[begin : end + 1])}
            if full := without_mask(code, labels, begin, end):
                entry["full_tile"] = counts(full)
            listed.append(entry)
        result[pathlib.Path(cubin).name] = {"instructions": len(code), "loops": listed}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
