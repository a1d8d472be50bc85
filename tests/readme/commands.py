#!/usr/bin/env python3
"""Runs the commands of README.md, and looks up the CUDA it shows in tests/golden. Of commands: each line of its ```sh blocks, in order, in one scratch folder, with build/bin on PATH.

`./dev` commands run from the checkout, except those that would run this test again (test, asan, tsan) or install (setup).
C++ blocks that hold a main() are compiled and run by tests/integration, not here.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
binaries = pathlib.Path(sys.argv[1] if len(sys.argv) == 2 else "").resolve()
if not (binaries / "attune").is_file():
    sys.exit(f"usage: {sys.argv[0]} BUILD/bin, where attune has been built")
NOT_HERE = re.compile(r"^\./dev( (test|setup|asan|tsan|lint|fuzz|bench)\b.*)?$")

readme = (root / "README.md").read_text()
kernels = [path.read_text() for path in (root / "tests/golden/kernels").glob("*.cu")]
for block in re.findall(r"^```cuda\n(.*?)^```", readme, re.M | re.S):
    if not any(block in kernel for kernel in kernels):
        sys.exit("README.md shows CUDA that no golden kernel has:\n" + block)

commands = []
for block in re.findall(r"^```sh\n(.*?)^```", readme, re.M | re.S):
    joined = block.replace("\\\n", " ")
    commands += [re.sub(r"\s+# .*$", "", line).strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
if not commands:
    sys.exit("README.md has no ```sh block: this test has nothing to run")

env = dict(os.environ, PATH=f"{binaries}:{os.environ['PATH']}", ATTUNE_BUILD_DIR=str(binaries.parent), NO_COLOR="1")
env.setdefault("ATTUNE_CACHE_DIR", str(binaries.parent / "test-cache"))
ran = 0
with tempfile.TemporaryDirectory() as scratch:
    for command in commands:
        if NOT_HERE.match(command) or command.startswith("git clone"):
            continue
        where = root if command.startswith("./dev") else scratch
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=where, env=env, text=True, capture_output=True, timeout=900)
        ran += 1
        print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {command}")
        if done.returncode != 0:
            sys.exit(f"exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
print(f"{ran} of {len(commands)} commands run")
