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

tests() { # tests NAME LIMIT FILTER [prefix...]: gpu_test, under a tool if there is one
  local name=$1 limit=$2 filter=$3
  shift 3
  ATTUNE_TEST_DEVICE=$device step "$name" "$limit" "$@" "$gpu_test" --gtest_brief=1 --gtest_filter="$filter" --gtest_output="json:$out/$name.json"
}

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

peers() { # peers LIMIT [more]
  local limit=$1
  shift
  if ! python3 -c 'import torch' 2>/dev/null; then record peers "skipped: no Python with PyTorch" 0; return; fi
  local library
  library=$(ls "$root"/lib/libattune_c.so "$root"/runtime/package/libattune_c.so 2>/dev/null | head -n 1)
  step peers "$limit" python3 "$here/peers.py" --attune "$attune" --library "$library" --time-limit $((limit - 30)) --out "$out/peers.json" "$@"
}

gpu_steps() {
  local sanitizer smallest='Agreement.*:Masks.Chunked:Varlen.Decode:NaN.InSplits'
  step doctor 60 "$attune" doctor
  bench ceilings 60 ceilings
  tests agreement 120 'Agreement.*'
  tests correctness $((minutes * 60 / 5)) '-Agreement.*:Races.*'
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
  if [[ -n $sanitizer ]]; then
    for tool in memcheck racecheck synccheck; do
      tests "sanitizer_$tool" $((minutes * 60 / 15)) "$smallest" "$sanitizer" --tool "$tool" --error-exitcode 99
    done
  else
    record sanitizer "skipped: compute-sanitizer is not installed" 0
  fi
  step tuning $((minutes * 60 / 4 + 20)) bash -c "tune $((minutes * 60 / 4))"
  bench attention $(($(left) / 2)) prefill,decode,varlen --samples 9
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
  bench attention 60 prefill,decode,varlen --samples 1 --only "${ATTUNE_RUN_ONLY:-qwen2.5-7b 1x8192}"
  record peers "skipped: they need a GPU" 0
}

# One JSON of everything, and one page of text.
summary() {
  local measured=true note="" n file
  [[ $device == emulated* ]] && measured=false note="No speed was measured: there is no GPU, and the emulated device ran tiny sizes as a test of this command."
  {
    printf '{"kernel_speed_measured": %s, "note": "%s", "device": "%s", "commit": "%s", "minutes": %d,\n"steps": [' "$measured" "$note" "$device" "$commit" "$minutes"
    for n in "${!names[@]}"; do
      printf '%s\n  {"name": "%s", "state": "%s", "seconds": %d}' "$( ((n)) && echo ,)" "${names[n]}" "${states[n]}" "${seconds[n]}"
    done
    printf ']'
    for file in "$out"/*.json; do
      [[ -s $file && $file != "$out/summary.json" ]] && printf ',\n"%s": ' "$(basename "$file" .json)" && cat "$file"
    done
    printf '}\n'
  } >"$out/summary.json.part" && mv "$out/summary.json.part" "$out/summary.json"
  {
    echo "attune on ${device}, commit $commit"
    [[ -n $note ]] && printf '\n%s\n' "$note"
    printf '\n%-22s %8s  %s\n' step seconds what
    for n in "${!names[@]}"; do printf '%-22s %8d  %s\n' "${names[n]}" "${seconds[n]}" "${states[n]}"; done
    for file in doctor ceilings agreement correctness attention peers host; do
      [[ -s $out/$file.txt ]] && printf '\n==== %s\n' "$file" && cat "$out/$file.txt"
    done
    [[ -n $note ]] && printf '\n%s\n' "$note"
  } >"$out/summary.txt"
  cat "$out/summary.txt"
  for n in "${states[@]}"; do [[ $n == failed* ]] && return 1; done
  return 0
}
