#!/usr/bin/env bash
# Installs the project, then builds and runs programs as another project would, with find_package(attune); and compiles one that has it as a
# subdirectory.
# usage: package.sh BUILD SOURCE
set -euo pipefail
build=$1 source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/prefix" --strip >/dev/null
library=$(find "$scratch/prefix" -name libattune.so)

for each in "$library" "$(dirname "$library")/libattune_c.so"; do
  needed=$(readelf -d "$each" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libstdc\+\+|libm|libgcc_s|libc|libdl|libpthread|ld-linux.*)\.so' || true)
  if [[ -n $needed ]]; then
    echo "$each needs more than C++'s own libraries: $needed"; exit 1
  fi
done
foreign=$(nm -DC --defined-only "$library" | grep -vE '^[0-9a-f]+ [A-Z] (attune|typeinfo (name )?for attune|vtable for attune|non-virtual thunk to attune|std::|void std::)' || true)
if [[ -n $foreign ]]; then
  echo "libattune.so exports what is not Attune's:"; head -n 5 <<<"$foreign"; exit 1
fi
size=$(stat -Lc %s "$library")
if ((size > 8 << 20)); then
  echo "libattune.so has $size bytes, more than 8 MiB"; exit 1
fi

# The README's program and an example, with a user's warnings on.
sed -n '/^```cpp$/,/^```$/p' "$source/README.md" | sed '/^```/d' >"$scratch/readme.cpp"
grep -q 'int main' "$scratch/readme.cpp"
for example in "$scratch/readme.cpp" "$source/runtime/examples/04_varlen.cpp"; do
  cmake -S "$source/tests/integration/consumer" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" \
    -DEXAMPLE="$example" -DCMAKE_BUILD_TYPE=Release >/dev/null
  cmake --build "$scratch/build" >/dev/null
  "$scratch/build/consumer" | tee "$scratch/printed"
  if [[ $example == */readme.cpp ]]; then # it prints what the README says
    grep -qF "It prints \`$(<"$scratch/printed")\`" "$source/README.md"
  fi
done

# What the command line precomputed is what a program takes that links the library: on a shape where the model alone chooses otherwise.
export ATTUNE_CACHE_DIR=$scratch/cache
spec='{"q_heads": 8, "kv_heads": 2, "head_dim": 64}'
"$build/bin/attune" precompute "$spec" --device emulated --phase prefill --batch 1 --kv-len 128,192 --json >"$scratch/precomputed.json" 2>/dev/null
readarray -t record < <(python3 - "$scratch/precomputed.json" <<'PY'
import json, sys
for entry in json.load(open(sys.argv[1]))["entries"]:
    if not entry["default"].startswith(entry["schedule"] + " "):
        print(entry["q_len"], entry["kv_len"], entry["schedule"], sep="\n")
        break
PY
)
if ((${#record[@]} == 0)); then
  echo "precompute chose the default schedule everywhere: try other lengths here"; exit 1
fi
cmake -S "$source/tests/integration/consumer" -B "$scratch/build" -DEXAMPLE="$source/tests/integration/precomputed.cpp" >/dev/null
cmake --build "$scratch/build" >/dev/null
"$scratch/build/consumer" "$spec" "${record[@]}"
cc -std=c99 -Wall -Wextra -Werror -I "$scratch/prefix/include" "$source/tests/integration/precomputed.c" \
  -L "$(dirname "$library")" -lattune_c -Wl,-rpath,"$(dirname "$library")" -o "$scratch/precomputed"
"$scratch/precomputed" "$spec" "${record[@]}"

cmake -G Ninja -S "$source/tests/integration/subdirectory" -B "$scratch/sub" -DATTUNE="$source" -DEXAMPLE="$scratch/readme.cpp" >/dev/null
cmake --build "$scratch/sub" --target consumer >/dev/null
