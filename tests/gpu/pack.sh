#!/usr/bin/env bash
# pack.sh [BUILD_DIR [ARCHIVE]]: what a bare machine with a GPU needs to run run.sh, stripped, in one archive (BUILD_DIR/gpu.tar.xz).
# ninja -C BUILD_DIR attune_cli gpu_test attune_c   comes first. There: tar xf gpu.tar.xz && gpu/run.sh. The machine needs glibc 2.35, a driver and libnvrtc; Python and
# PyTorch for the peers.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
build=$(realpath "${1:-$here/../../build}")
archive=$(realpath -m "${2:-$build/gpu.tar.xz}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/gpu/bin" "$folder/gpu/lib"
for program in attune gpu_test; do
  strip -o "$folder/gpu/bin/$program" "$build/bin/$program"
done
strip -o "$folder/gpu/lib/libattune_c.so" "$build/runtime/package/libattune_c.so"
for binary in "$folder"/gpu/bin/* "$folder/gpu/lib/libattune_c.so"; do # what they may need: glibc, and of the library a libstdc++ that every PyTorch needs too
  needed=$(objdump -p "$binary" | awk '/NEEDED/ {print $2}' | grep -vxE 'lib(c|m)\.so\.6|ld-linux-x86-64\.so\.2' || true)
  [[ $binary == *.so ]] && needed=$(grep -vxE 'lib(stdc\+\+\.so\.6|gcc_s\.so\.1)' <<<"$needed" || true)
  newer=$(objdump -T "$binary" | grep -oE 'GLIBC_2\.(3[6-9]|[4-9][0-9])' | sort -u || true)
  [[ -z $needed$newer ]] || { echo "pack.sh: ${binary##*/} needs what other machines may lack: ${needed//$'\n'/ } ${newer//$'\n'/ }" >&2; exit 1; }
done
cp "$here"/run.sh "$here"/steps.sh "$here"/*.py "$folder/gpu/"
rm -f "$folder"/gpu/*_test.py
git -C "$here" rev-parse --short HEAD >"$folder/gpu/commit" 2>/dev/null || echo unknown >"$folder/gpu/commit"
XZ_OPT=-1 tar -C "$folder" -cJf "$archive" gpu
bytes=$(stat -c %s "$archive")
echo "$archive  $((bytes >> 10)) KiB"
((bytes < 64 << 20)) || { echo "pack.sh: it is larger than 64 MiB" >&2; exit 1; }
