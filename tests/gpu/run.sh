#!/usr/bin/env bash
# run.sh [--minutes N] [--out DIR]: everything that a GPU can say of Attune, in the order of worth; it stops when the minutes are over.
# For a machine with a GPU, its driver and libnvrtc: from a checkout that is built, or from the folder that pack.sh makes. README.md says what it leaves.
# Without a GPU it runs on the emulated device with tiny sizes, as a test of itself, and says so.
set -uo pipefail
here=$(dirname "$(realpath "$0")")
minutes=30 out=gpu-results
while (($#)); do
  case $1 in
    --minutes) minutes=${2:?--minutes N}; shift ;;
    --out) out=${2:?--out DIR}; shift ;;
    *) sed -n '2,4s/^# //p' "$0"; [[ $1 == --help ]]; exit $((2 * $?)) ;;
  esac
  shift
done
mkdir -p "$out" && out=$(realpath "$out") || exit 1
rm -f "$out"/*.json "$out"/*.txt "$out"/*.log "$out"/*.html "$out"/*.csv "$out"/*.md
for root in "$here" "${ATTUNE_BUILD_DIR:-$here/../../build}"; do [[ -x $root/bin/attune ]] && break; done
[[ -x $root/bin/attune ]] || { echo "run.sh: no attune in $here/bin or in a build folder: build it, or pack it with pack.sh" >&2; exit 1; }
attune=$root/bin/attune gpu_test=$root/bin/gpu_test
export root out
export LD_LIBRARY_PATH="$root/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" NO_COLOR=1
export ATTUNE_CACHE_DIR=${ATTUNE_CACHE_DIR:-$out/cache}
commit=$(cat "$here/commit" 2>/dev/null || git -C "$here" rev-parse --short HEAD 2>/dev/null || echo unknown)
source "$here/steps.sh"

device=${ATTUNE_RUN_DEVICE:-cuda:0}
if [[ -n ${ATTUNE_RUN_REHEARSAL:-} ]]; then # the steps of a GPU on the emulated device, to test the steps
  device=emulated
  gpu_steps
elif [[ $device == emulated* ]] || ! "$attune" devices --json 2>"$out/devices.log" | grep -q '"emulated": false'; then
  [[ $device == emulated* ]] || device=emulated
  emulated_steps
else
  gpu_steps
fi
summary
