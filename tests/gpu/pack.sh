#!/usr/bin/env bash
# pack.sh [BUILD_DIR [FOLDER]]: what a bare machine with a GPU needs to run run.sh, stripped, in one folder (BUILD_DIR/gpu).
# ninja -C BUILD_DIR attune_cli gpu_test attune_c   comes first. The machine needs a driver and libnvrtc; Python and PyTorch for the peers.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
build=$(realpath "${1:-$here/../../build}")
folder=${2:-$build/gpu}
rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib"
for program in attune gpu_test; do
  strip -o "$folder/bin/$program" "$build/bin/$program"
  # libraries that a bare machine may lack; glibc is everywhere
  ldd "$build/bin/$program" | awk '/lib(fmt|stdc\+\+|gcc_s)\.so/ {print $3}' | xargs -I{} cp -Lf {} "$folder/lib/"
done
library=$(find "$build" -name 'libattune_c.so.*.*' | head -n 1)
strip -o "$folder/lib/libattune_c.so" "${library:?ninja attune_c comes first}"
cp "$here"/run.sh "$here"/steps.sh "$here"/*.py "$folder/"
git -C "$here" rev-parse --short HEAD >"$folder/commit" 2>/dev/null || echo unknown >"$folder/commit"
du -sh "$folder" | sed 's/\t/  /'
