#!/usr/bin/env bash
# Installs the project, then builds and runs an example as another project would, with find_package(attune).
# usage: package.sh BUILD SOURCE
set -euo pipefail
build=$1 source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/prefix" --strip >/dev/null
library=$(find "$scratch/prefix" -name libattune.so)

if ldd "$library" | grep -q 'libLLVM\|libMLIR'; then
  echo "libattune.so needs a shared LLVM"; exit 1
fi
foreign=$(nm -DC --defined-only "$library" | grep -vE '^[0-9a-f]+ [A-Z] (attune|typeinfo (name )?for attune|vtable for attune|non-virtual thunk to attune|std::|void std::)' || true)
if [[ -n $foreign ]]; then
  echo "libattune.so exports what is not Attune's:"; head -n 5 <<<"$foreign"; exit 1
fi
size=$(stat -Lc %s "$library")
if ((size > 8 << 20)); then
  echo "libattune.so has $size bytes, more than 8 MiB"; exit 1
fi

cmake -S "$source/tests/integration/consumer" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" \
  -DEXAMPLE="$source/runtime/examples/04_varlen.cpp" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$scratch/build" >/dev/null
"$scratch/build/consumer"
