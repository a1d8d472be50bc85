"""run.sh in emulated mode: it exits 0, leaves its files, and nowhere claims a speed.

usage: run_test.py BUILD_DIR"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
environment = dict(os.environ, ATTUNE_BUILD_DIR=sys.argv[1], ATTUNE_RUN_DEVICE="emulated", ATTUNE_RUN_ONLY="qwen2.5-7b 1x8192")
with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder) / "out"
    done = subprocess.run(["bash", here / "run.sh", "--minutes", "9", "--out", out], env=environment, capture_output=True, text=True)
    logs = "".join(f"--- {log.name}\n{log.read_text()}" for log in sorted(out.glob("*.log")))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    assert "No speed was measured" in done.stdout
    document = json.loads((out / "summary.json").read_text())
    assert document["kernel_speed_measured"] is False and "No speed was measured" in document["note"]
    states = {step["name"]: step["state"] for step in document["steps"]}
    for name in "doctor", "ceilings", "agreement", "correctness", "tuning", "attention_0":
        assert states[name] == "done", (states, logs)
    assert document["correctness"]["tests"] == 3 and document["correctness"]["ended_badly"] == 0 and document["correctness"]["failures"] == 0
    assert document["agreement"]["tests"] == 1
    assert document["attention_0"]["cases"] and all(case["ok"] and "time_us" not in case for case in document["attention_0"]["cases"])
    assert all(ceiling["ok"] and "value" not in ceiling for ceiling in document["ceilings"]["ceilings"].values())
    assert (out / "attention_0.html").stat().st_size > 5000 and (out / "attention_0.csv").exists()

    # the minutes are over before they begin: still a document, and the steps say so
    done = subprocess.run(["bash", here / "run.sh", "--minutes", "0", "--out", out], env=environment, capture_output=True, text=True)
    document = json.loads((out / "summary.json").read_text())
    assert done.returncode == 0 and all("over" in step["state"] or "skipped" in step["state"] for step in document["steps"]), done.stdout
    assert subprocess.run(["bash", here / "run.sh", "--minute"], capture_output=True).returncode == 2
print("ok")
