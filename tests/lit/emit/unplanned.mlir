// RUN: not attune-translate --emit-cuda %s 2>&1 | FileCheck %s

// A fetch has no function in templates/: tile-materialize-pipeline has not run.
// CHECK: 'tile.fetch' op cannot be printed: expected an op that stands for CUDA text
tile.kernel @k(%k: !tile.gl<bf16, 64>, %head: index) threads 128 grid [[], [], []] {
  %k_smem = tile.alloc at 0 : !tile.st<64, 64, bf16>
  %k_rows = tile.rows %k, %head, %head : (!tile.gl<bf16, 64>, index, index) -> !tile.rows<bf16, 64>
  tile.fetch "K" %k_smem, %k_rows[%head] : !tile.st<64, 64, bf16>, !tile.rows<bf16, 64>
}
