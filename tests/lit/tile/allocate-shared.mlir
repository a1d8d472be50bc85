// RUN: attune-opt %s -pass-pipeline='builtin.module(tile.kernel(tile-allocate-shared))' | FileCheck %s
// RUN: not attune-opt %s -pass-pipeline='builtin.module(tile.kernel(tile-allocate-shared{limit=16384}))' 2>&1 | FileCheck %s --check-prefix=LIMIT

// In order of first use: K's slot is taken before Q is read. O is written when both are read no more, so it takes their place.

// LIMIT: shared memory: 24576 bytes needed, 16384 available

// CHECK: tile.kernel @reuse() threads 128 {{.*}} shared 24576
// CHECK-NEXT: %q_smem = tile.alloc at 16384 : !tile.st<64, 64, bf16>
// CHECK-NEXT: %k_smem = tile.alloc at 0 : !tile.st<64, 64, bf16, stages = 2>
// CHECK-NEXT: %o_smem = tile.alloc at 0 {note = "k_smem is dead by then"} : !tile.st<64, 64, bf16>
tile.kernel @reuse() threads 128 grid [[], [], []] {
  %q_smem = tile.alloc : !tile.st<64, 64, bf16>
  %k_smem = tile.alloc : !tile.st<64, 64, bf16, stages = 2>
  %o_smem = tile.alloc : !tile.st<64, 64, bf16>
  %scores = tile.alloc : !tile.rt<16, 64, f32>
  %0 = tile.index [0]
  %ring = tile.ring : !tile.ring<2>
  %1 = tile.slot %k_smem[%ring] : !tile.st<64, 64, bf16, stages = 2>, !tile.ring<2> -> !tile.st<64, 64, bf16>
  tile.warp.mm_ABt %scores, %q_smem, %1 : !tile.rt<16, 64, f32>, !tile.st<64, 64, bf16>, !tile.st<64, 64, bf16>
  tile.block.sync
  tile.warp.store %o_smem, %scores : !tile.st<64, 64, bf16>, !tile.rt<16, 64, f32>
}
