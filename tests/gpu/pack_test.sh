#!/usr/bin/env bash
# pack_test.sh BUILD_DIR: the archive of pack.sh, unpacked in an empty folder, runs there in emulated mode with neither this checkout nor LLVM in sight.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$here/pack.sh" "$1" "$folder/gpu.tar.xz"
tar -C "$folder" -xJf "$folder/gpu.tar.xz"
cd "$folder"
env -i PATH=/usr/bin:/bin HOME="$folder" ${ATTUNE_NVRTC:+ATTUNE_NVRTC="$ATTUNE_NVRTC"} ATTUNE_RUN_DEVICE=emulated ATTUNE_RUN_ONLY="d64 full 32x512" \
  gpu/run.sh --minutes 3 --out "$folder/out" >"$folder/table.txt" 2>"$folder/log" || { cat "$folder/table.txt" "$folder/log" "$folder"/out/*.log; exit 1; }
grep -q 'No speed was measured' "$folder/table.txt"
grep -q '| d64 full 32x512 .*right, not timed' "$folder/table.txt"
grep -q '"tests": 3, "failures": 0' "$folder/out/correctness.json"
[[ $(find "$folder" -maxdepth 1 -mindepth 1 | wc -l) -eq 5 ]] || { ls -A "$folder"; echo "the run left something beside its --out"; exit 1; }
echo ok
