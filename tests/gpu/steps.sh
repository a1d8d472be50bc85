# shellcheck shell=bash
# The steps of run.sh, and what is left of them. Sourced: $attune, $gpu_test, $out, $device, $commit, $minutes, $here.
deadline=$((SECONDS + minutes * 60))
names=() states=() seconds=()

left() { echo $((deadline - SECONDS)); }

# step NAME LIMIT COMMAND...: stdout to NAME.txt, stderr to NAME.log, for at most LIMIT seconds and never beyond the deadline.
step() {
  local name=$1 limit=$2 start=$SECONDS code
  shift 2
  ((limit > $(left))) && limit=$(left)
  if ((limit < 5)); then record "$name" "not begun: the minutes are over" 0; return; fi
  echo "== $name (at most $limit s)" >&2
  timeout --signal=INT --kill-after=20 "$limit" "$@" >"$out/$name.txt" 2>"$out/$name.log"
  code=$?
  case $code in
    0) record "$name" done $((SECONDS - start)) ;;
    8 | 124 | 130 | 137) record "$name" "stopped by time, in part" $((SECONDS - start)) ;;
    *) record "$name" "failed ($code): $(tail -n 1 "$out/$name.log" | tr -d '"\\' | cut -c 1-120)" $((SECONDS - start)) ;;
  esac
}
record() { names+=("$1"); states+=("$2"); seconds+=("$3"); echo "   $1: $2" >&2; }

bench() { # bench NAME LIMIT SUITES [more]: with its JSON, table, CSV and page
  local name=$1 limit=$2 suites=$3
  shift 3
  ((limit > $(left))) && limit=$(left)
  step "$name" $((limit + 20)) "$attune" bench --device "$device" --suite "$suites" --commit "$commit" --time-limit $((limit > 10 ? limit : 10)) \
    --output "$out/$name.json" --csv "$out/$name.csv" --html "$out/$name.html" "$@"
}

# tests NAME LIMIT FILTER: gpu_test in processes of a few tests each, several at once: a kernel that never ends, or breaks the GPU's context, takes only those with it.
tests() {
  ATTUNE_TEST_DEVICE=$device step "$1" "$2" bash -c 'shards "$@"' _ "$out/$1" "$2" "$3"
}
ended() { (($1 == 124 && until - SECONDS < 2)) || echo "$2 ended with $1"; } # but not by the end of the step's time
shards() { # shards FOLDER LIMIT FILTER
  local folder=$1 until=$((SECONDS + $2 - 3)) count n at_once each=100 sums
  rm -rf "$folder" && mkdir -p "$folder" || return 1
  count=$("$gpu_test" --gtest_list_tests --gtest_filter="$3" | grep -c '^  ')
  ((count > 24)) && count=24
  at_once=$(($(nproc) < 8 ? $(nproc) : 8))
  for ((n = 0; n < count; n++)); do
    while (($(jobs -rp | wc -l) >= at_once)); do wait -n; done
    ((until - SECONDS > 2)) || break
    GTEST_TOTAL_SHARDS=$count GTEST_SHARD_INDEX=$n timeout --kill-after=5 $((until - SECONDS < each ? until - SECONDS : each)) \
      "$gpu_test" --gtest_brief=1 --gtest_filter="$3" --gtest_output="json:$folder/$n.json" >"$folder/$n.txt" 2>&1 ||
      ended $? "process $n" >>"$folder/ended" &
  done
  wait
  sums=$(cat "$folder"/*.json 2>/dev/null | awk -F'[:,]' '/^  "tests"/ {t += $2} /^  "failures"/ {f += $2} END {printf "\"tests\": %d, \"failures\": %d", t, f}')
  echo "{$sums, \"processes\": $count, \"begun\": $n, \"ended_badly\": $(cat "$folder/ended" /dev/null 2>/dev/null | wc -l)}" | tee "$folder.json"
  grep -h -A6 'Failure$\|\[  FAILED  \]' "$folder"/*.txt | head -n 60
  cat "$folder/ended" 2>/dev/null
  [[ -s $folder/ended ]] && return 1
  ((n == count)) || return 8
}
export -f shards ended
export gpu_test

# The shapes of the suites, most telling first; each run takes up what the last one left.
tune_shapes() {
  local spec length
  for length in 8192 2048 16384 512; do
    for spec in '"head_dim": 128, "q_heads": 16, "kv_heads": 16' '"head_dim": 64, "q_heads": 32, "kv_heads": 32' '"head_dim": 256, "q_heads": 8, "kv_heads": 8'; do
      for causal in true false; do
        echo "{$spec, \"causal\": $causal}|--phase prefill --batch $((length > 16384 ? 1 : 16384 / length)) --q-len $length --kv-len $length"
      done
    done
    echo "--preset=llama-3-70b,qwen2.5-7b,gemma-2-9b:local,gemma-2-9b:global,gpt-oss-20b:local,gpt-oss-20b:global,deepseek-v3:prefill|--phase prefill --q-len $length --kv-len $length"
    echo "--preset=llama-3-8b,qwen2.5-7b,llama-3-70b,olmo-2-7b|--phase decode --batch 1,16 --kv-len $((8 * length))"
  done
}
tune() {
  local until=$((SECONDS + $1)) what how code=0
  while IFS='|' read -r what how; do
    ((until - SECONDS > 10)) || return 8
    # shellcheck disable=SC2086
    "$attune" tune "$what" $how --device "$device" --effort measure --time-limit $((until - SECONDS)) || code=$?
  done < <(tune_shapes)
  return $code
}
export -f tune tune_shapes
export attune device

peers() { # peers LIMIT: in a process after another, while each says that the next one can go on
  if ! python3 -c 'import torch' 2>"$out/peers.log"; then record peers "skipped: no Python with PyTorch" 0; return; fi
  local library
  library=$(ls "$root"/lib/libattune_c.so "$root"/runtime/package/libattune_c.so 2>/dev/null | head -n 1)
  step peers "$1" bash -c 'peers_in_turn "$@"' _ "$1" --attune "$attune" --library "$library" --out "$out/peers.json"
}
peers_in_turn() {
  local until=$((SECONDS + $1 - 40)) code resume=()
  shift
  while ((until - SECONDS > 20)); do
    python3 "$here/peers.py" --time-limit $((until - SECONDS)) "$@" "${resume[@]}"
    code=$?
    ((code == 75 || code > 128)) || return $code # 75: its context is gone; above 128: a kernel did not end, and the alarm killed it
    resume=(--resume)
  done
  return 8
}
export -f peers_in_turn
export here

# Without a driver that takes what NVRTC makes nothing can be measured: another NVRTC may be older.
find_nvrtc() {
  local candidate
  timeout 60 "$attune" bench --device "$device" --suite ceilings --samples 1 >/dev/null 2>"$out/nvrtc.log" && return
  for candidate in /usr/local/cuda*/lib64/libnvrtc.so.1[23] $(python3 -c 'import glob, site, sys; [print(f) for p in sys.path + site.getsitepackages() for f in glob.glob(p + "/nvidia/*/lib/libnvrtc.so.1[23]")]' 2>/dev/null); do
    if ATTUNE_NVRTC=$candidate timeout 60 "$attune" bench --device "$device" --suite ceilings --samples 1 >/dev/null 2>>"$out/nvrtc.log"; then
      export ATTUNE_NVRTC=$candidate
      return
    fi
  done
}

# The suites, in processes of some shapes each: what goes wrong in one does not end the others. Each has an equal part of the time that is left.
attention() { # attention LIMIT
  local until=$((SECONDS + $1)) n groups=("d128 " qwen2.5-7b llama-3-8b "d64 " gemma-2 llama-3-70b olmo-2 "d256 " gpt-oss deepseek)
  for n in "${!groups[@]}"; do
    bench "attention_$n" $(((until - SECONDS) / (${#groups[@]} - n))) prefill,decode,varlen --samples 9 --only "${groups[n]}"
  done
}

gpu_steps() {
  local sanitizer tool
  step doctor 60 "$attune" doctor
  find_nvrtc
  bench ceilings 60 ceilings
  tests agreement 120 'Agreement.*'
  tests correctness $((minutes * 60 / 5)) '-Agreement.*:Races.*'
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
  if [[ -n $sanitizer ]]; then
    for tool in memcheck racecheck synccheck; do
      ATTUNE_TEST_DEVICE=$device step "sanitizer_$tool" $((minutes * 60 / 20)) "$sanitizer" --tool "$tool" --error-exitcode 99 \
        "$gpu_test" --gtest_brief=1 --gtest_filter='Masks.Chunked:Varlen.Decode:NaN.InSplits'
    done
  else
    record sanitizer "skipped: compute-sanitizer is not installed" 0
  fi
  step tuning $((minutes * 60 / 4 + 20)) bash -c "tune $((minutes * 60 / 4))"
  attention $(($(left) / 2))
  peers $(($(left) * 3 / 4))
  bench host 240 jit,host
}

emulated_steps() {
  step doctor 60 "$attune" doctor
  bench ceilings 60 ceilings --samples 1
  tests agreement 60 'Agreement.*'
  tests correctness 60 'Masks.Chunked:Varlen.Decode:NaN.InSplits'
  record sanitizer "skipped: it needs a GPU" 0
  step tuning 60 "$attune" tune '{"head_dim": 64, "q_heads": 4, "kv_heads": 2}' --phase prefill --q-len 64 --kv-len 64 --arch sm_80 --effort estimate
  bench attention_0 60 prefill,decode,varlen --samples 1 --only "${ATTUNE_RUN_ONLY:-qwen2.5-7b 1x8192}"
  record peers "skipped: they need a GPU" 0
}

# One JSON of everything, one table of what was measured (summary.py, where there is Python), one page of text.
summary() {
  local measured=true note="" n file
  [[ $device == emulated* ]] && measured=false note="No speed was measured: there is no GPU, and the emulated device ran tiny sizes as a test of this command."
  {
    printf '{"kernel_speed_measured": %s, "note": "%s", "device": "%s", "commit": "%s", "minutes": %d,\n"steps": [' "$measured" "$note" "$device" "$commit" "$minutes"
    for n in "${!names[@]}"; do
      printf '%s\n  {"name": "%s", "state": "%s", "seconds": %d}' "$( ((n)) && echo ,)" "${names[n]}" "${states[n]}" "${seconds[n]}"
    done
    printf ']'
    for file in "$out"/*.json; do # what was cut short does not end in a brace
      [[ $file != "$out/summary.json" && $(tail -c 3 "$file") == *"}"* ]] && printf ',\n"%s": ' "$(basename "$file" .json)" && cat "$file"
    done
    printf '}\n'
  } >"$out/summary.json.part" && mv "$out/summary.json.part" "$out/summary.json"
  {
    echo "attune on ${device}, commit $commit"
    [[ -n $note ]] && printf '\n%s\n' "$note"
    printf '\n%-22s %8s  %s\n' step seconds what
    for n in "${!names[@]}"; do printf '%-22s %8d  %s\n' "${names[n]}" "${seconds[n]}" "${states[n]}"; done
    for file in doctor agreement correctness; do
      [[ -s $out/$file.txt ]] && printf '\n==== %s\n' "$file" && cat "$out/$file.txt"
    done
    echo
    if ! python3 "$here/summary.py" "$out/summary.json" --out "$out/summary.md" 2>"$out/summary.log"; then
      for file in "$out"/{ceilings,attention*,peers,host}.txt; do [[ -s $file ]] && printf '\n==== %s\n' "$(basename "$file" .txt)" && cat "$file"; done
    fi
    [[ -n $note ]] && printf '\n%s\n' "$note"
  } >"$out/summary.txt"
  cat "$out/summary.txt"
  for n in "${states[@]}"; do [[ $n == failed* ]] && return 1; done
  return 0
}
