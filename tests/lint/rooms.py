#!/usr/bin/env python3
"""A room includes only rooms to its left, and public headers speak std types only (DESIGN: templates <- compiler <- runtime <- autotune)."""
import pathlib
import re
import subprocess
import sys

ROOMS = ["templates", "compiler", "runtime", "autotune", "tests"]
PUBLIC = {"compiler": "compiler/include", "runtime": "runtime/include", "autotune": "autotune/include"}
LONGEST = 500  # lines; about 200 is the norm

root = pathlib.Path(__file__).resolve().parents[2]
tracked = subprocess.check_output(["git", "ls-files"], cwd=root, text=True).split()
sources = [p for p in tracked if p.endswith((".h", ".hpp", ".cpp", ".cuh", ".td", ".py"))]


def room_of(include: str) -> str | None:
    head = include.split("/")[0]
    if head in ROOMS:
        return head
    if head == "attune":
        for room, folder in PUBLIC.items():
            if (root / folder / include).exists():
                return room
    return None


failures = []
for path in sources:
    room = path.split("/")[0]
    text = (root / path).read_text()
    public = any(path.startswith(folder + "/") for folder in PUBLIC.values())
    if room in ROOMS:
        for line, include in ((i, m) for i, l in enumerate(text.splitlines(), 1) for m in re.findall(r'^\s*#\s*include\s+[<"]([^">]+)', l)):
            target = room_of(include)
            if room == "templates":
                if not include.startswith("attune/"):
                    failures.append(f"{path}:{line}: templates/ are header-free, but it includes {include}")
            elif target and ROOMS.index(target) > ROOMS.index(room):
                failures.append(f"{path}:{line}: {room}/ may not include {target}/ ({include})")
            if public and re.match(r"(mlir|llvm|nlohmann|fmt|CLI|cuda|nvrtc)", include):
                failures.append(f"{path}:{line}: a public header speaks std types only, but it includes {include}")
    lines = text.count("\n")
    if lines > LONGEST:
        failures.append(f"{path}: {lines} lines; over {LONGEST} it is two things")

print("\n".join(failures) if failures else f"{len(sources)} files: include directions and sizes are right")
sys.exit(bool(failures))
