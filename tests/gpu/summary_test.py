"""The table of summary.py over a run that is made up: marks, shares, means, and that nothing is claimed where nothing was measured."""

import json
import math
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def case(suite, name, q_len, us, dtype="bf16", **more):
    return {"suite": suite, "name": name, "q_len": q_len, "spec": {"dtype": dtype}, "flops": 4e9, "bytes": 2e6, "ok": True, **({"time_us": us} if us else {}), **more}


def peer(suite, name, **us):
    return {"suite": suite, "name": name, "flops": 4e9, "bytes": 2e6, "times": {n.replace("_", "-"): {"us": t} for n, t in us.items()}, "refused": {}}


def document(ceilings, cases):
    return {"ceilings": {name: {"value": value, "ok": True} for name, value in ceilings.items()}, "cases": cases, "figures": []}


RUN = {
    "kernel_speed_measured": True, "note": "", "steps": [],
    "attention_0": document({"bf16_matmul": 780, "copy": 4000}, [case("prefill", "fast", 64, 9.0), case("prefill", "slow", 64, 20.0), case("decode", "one", 1, 1.0)]),
    "attention_1": document({"bf16_matmul": 820, "copy": 4000, "fp8_matmul": 1600}, [
        case("prefill", "fp8 alone", 64, 5.0, "fp8_e4m3"), case("prefill", "bad", 64, None, ok=False, failure="O(0) is NaN"), case("prefill", "not here", 64, None, skipped="needs sm_90a")]),
    "peers": {"cases": [peer("prefill", "fast", attune=10.0, flex=15.0, sdpa_cudnn=12.5), peer("prefill", "slow", attune=20.0, flex=16.0, sdpa_cudnn=40.0),
                        peer("varlen", "late", attune=4.0, flex=4.0)]},
}


def summed(run):
    with tempfile.TemporaryDirectory() as folder:
        path, out = pathlib.Path(folder) / "summary.json", pathlib.Path(folder) / "t.md"
        path.write_text(json.dumps(run))
        text = subprocess.run([sys.executable, HERE / "summary.py", path, "--out", out], check=True, capture_output=True, text=True).stdout
        assert out.read_text() == text
        return text, json.loads(path.read_text())["table"]


text, table = summed(RUN)
line = {name: next(l for l in text.splitlines() if l.startswith(f"| {name} ")) for name in ("fast", "slow", "one", "fp8 alone", "bad", "not here", "late", "prefill", "flex", "sdpa-cudnn")}
assert [name for name in line if "SLOWER" in line[name]] == ["slow"], text
assert "sdpa-cudnn" in line["fast"] and "1.25" in line["fast"] and "50 %" in line["fast"] and "400 TFLOPS" in line["fast"]  # 4 GFLOP in 10 us, of 800
assert "flex" in line["slow"] and "0.80" in line["slow"]
assert "50 %" in line["one"] and "2,000 GB/s" in line["one"]  # 2 MB in 1 us, of 4000
assert "50 %" in line["fp8 alone"] and "800 TFLOPS" in line["fp8 alone"]
assert "WRONG: O(0) is NaN" in line["bad"] and "skipped: needs sm_90a" in line["not here"]
assert "1.00" in line["late"] and "SLOWER" not in line["late"]
suites = table["suites"]
assert math.isclose(suites["prefill"]["ratio"], math.sqrt(1.25 * 0.8)) and suites["prefill"]["slower"] == 1 and suites["prefill"]["compared"] == 2 and suites["prefill"]["wrong"] == 1
assert math.isclose(suites["prefill"]["peers"]["flex"]["ratio"], math.sqrt(1.5 * 0.8)) and suites["prefill"]["peers"]["flex"]["slower"] == 1
assert suites["decode"]["ratio"] is None and math.isclose(suites["decode"]["share"], 0.5)
assert "1.10 (2; 1)" in line["flex"] and "1.58 (2; 0)" in line["sdpa-cudnn"]
widths = {len(l) for l in text.splitlines() if l.startswith("| ") and " SLOWER |" in l or l.startswith("| fast ")}
assert len(widths) == 1, "columns are aligned"

emulated = {"kernel_speed_measured": False, "note": "No speed was measured: it is a test.", "steps": [],
            "attention_0": {"ceilings": {"copy": {"ok": True}}, "cases": [case("prefill", "fast", 64, None)], "figures": []}}
text, table = summed(emulated)
assert "No speed was measured" in text and "right, not timed" in text and "TFLOPS" not in text and table["shapes"][0]["us"] is None
summed({"kernel_speed_measured": False, "note": "", "steps": []})  # nothing at all: the minutes were over
print("ok")
