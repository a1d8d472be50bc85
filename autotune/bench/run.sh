#!/usr/bin/env bash
# run.sh BUILD_DIR [benchmark flags]: runs every benchmark and leaves its JSON in results/. Each carries the machine it was measured on.
set -euo pipefail
build=$(realpath "${1:?usage: run.sh BUILD_DIR}")
shift
results=$(dirname "$(realpath "$0")")/results
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
for bench in "$build"/bin/*_bench; do
  name=$(basename "$bench")
  "$bench" --benchmark_out="$results/$name.json" --benchmark_out_format=json --benchmark_min_time=0.5 \
    --benchmark_context=cpu="$cpu" --benchmark_context=memory_gib="$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) >> 20))" \
    --benchmark_context=os="$(. /etc/os-release && echo "$PRETTY_NAME")" --benchmark_context=commit="$(git -C "$results" rev-parse --short HEAD)" "$@"
  # paths and names of the machine say nothing about speed
  sed -i -e '/"host_name"/d' -e "s|\"executable\": \".*/|\"executable\": \"|" "$results/$name.json"
done
