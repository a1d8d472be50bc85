"""inputs.py has the numbers of `attune run --seed`: what it makes, read from a file, gives the same bits.

usage: inputs_test.py PATH_OF_ATTUNE"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cli")]
import inputs
import safetensors as st

SEED = (7 << 40) + 12345
CASES = [
    ({"dtype": "bf16", "q_heads": 4, "kv_heads": 2, "head_dim": 16, "head_dim_v": 24, "softcap": 30.0, "alibi": True, "sink": True}, "emulated:sm_80"),
    ({"dtype": "fp8_e4m3", "q_heads": 2, "kv_heads": 1, "head_dim": 64, "causal": "bottom_right"}, "emulated:sm_90a"),
]
BATCH, Q_LEN, KV_LEN = 2, 9, 21


def fp32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def bf16(value):
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return struct.pack("<H", bits + 0x7FFF + (bits >> 16 & 1) >> 16)


E4M3 = sorted((m * 2.0**-9 if e == 0 else (8 + m) * 2.0 ** (e - 10), e * 8 + m) for e in range(16) for m in range(8) if e * 8 + m < 0x7F)


def e4m3(value):
    bits = min(E4M3, key=lambda entry: (abs(entry[0] - abs(value)), entry[1] & 1))[1]
    return bytes([bits | (0x80 if value < 0 else 0)])


def attune(*arguments):
    return subprocess.run([sys.argv[1], "run", *map(str, arguments), "--json"], check=True, capture_output=True, text=True).stdout


with tempfile.TemporaryDirectory() as folder:
    seeded, filed, file = (pathlib.Path(folder) / name for name in ("seeded", "filed", "in"))
    for spec, device in CASES:
        fp8 = spec["dtype"] != "bf16"
        element, name_of_type = (e4m3, "F8_E4M3") if fp8 else (bf16, "BF16")

        def normal(name, scale, *shape):
            size = BATCH
            for extent in shape:
                size *= extent
            values = (fp32(fp32(inputs.normal_units(SEED, name, n) * inputs.SCALE) * scale) for n in range(size))
            return name_of_type, (BATCH, *shape), b"".join(map(element, values))

        def uniform(name, scale, *shape):
            size = shape[0] * (shape[1] if len(shape) > 1 else 1)
            return "F32", shape, st.f32([fp32(inputs.uniform_units(SEED, name, n) * 2.0**-24 * fp32(scale)) for n in range(size)])

        heads, kv_heads, dim = spec["q_heads"], spec["kv_heads"], spec["head_dim"]
        tensors = {"q": normal("q", inputs.scale_of_q(spec), Q_LEN, heads, dim), "k": normal("k", 1, KV_LEN, kv_heads, dim),
                   "v": normal("v", 1, KV_LEN, kv_heads, spec.get("head_dim_v", dim))}
        if spec.get("alibi"):
            tensors["alibi_slopes"] = uniform("alibi_slopes", 0.3, heads)
        if spec.get("sink"):
            tensors["sink"] = "F32", (heads,), st.f32([inputs.normal_units(SEED, "sink", n) * inputs.SCALE for n in range(heads)])
        for name in ("q_descale", "k_descale", "v_descale") if fp8 else ():
            tensors[name] = uniform(name, 2, BATCH, kv_heads)
        st.save(file, tensors)
        attune(json.dumps(spec), "--device", device, "--batch", BATCH, "--q-len", Q_LEN, "--kv-len", KV_LEN, "--seed", SEED, "--output", seeded)
        attune(json.dumps(spec), "--device", device, "--inputs", file, "--output", filed)
        assert seeded.read_bytes() == filed.read_bytes(), spec
        attune(json.dumps(spec), "--device", device, "--batch", BATCH, "--q-len", Q_LEN, "--kv-len", KV_LEN, "--seed", SEED + 1, "--output", seeded)
        assert seeded.read_bytes() != filed.read_bytes(), "the seed has no effect"

# each number is nearly normal, and no two streams are alike
values = [inputs.normal_units(1, "q", n) * inputs.SCALE for n in range(20000)]
mean, variance = sum(values) / len(values), sum(v * v for v in values) / len(values)
assert abs(mean) < 0.03 and abs(variance - 1) < 0.03, (mean, variance)
other = [inputs.normal_units(1, "k", n) * inputs.SCALE for n in range(20000)]
assert abs(sum(a * b for a, b in zip(values, other)) / len(values)) < 0.03
assert inputs.normal_units(1, "q", inputs.PERIOD + 5) == inputs.normal_units(1, "q", 5)

try:
    import torch
except ImportError:
    torch = None
if torch:
    made = inputs.tensor(SEED, "q", (3, 700), torch.bfloat16, "cpu", 7.5)
    for n in (0, 1, 699, 2099):
        assert made.view(-1)[n].view(torch.int16).item() & 0xFFFF == struct.unpack("<H", bf16(fp32(fp32(inputs.normal_units(SEED, "q", n) * inputs.SCALE) * 7.5)))[0]
print("ok")
