// RUN: attune-opt %s -pass-pipeline='builtin.module(tile.kernel(tile-prettify))' | FileCheck %s

// CHECK-LABEL: tile.kernel @names
tile.kernel @names(%head: index, %sk: index, %o: !tile.gl<bf16, 64>) threads 128 grid [[], [], []] {
  // a second name for a value is noise, and so is one that nothing uses
  // CHECK-NOT: %q_head
  // CHECK-NOT: %unused
  %q_head = tile.index [%head]
  %unused = tile.index [%sk + 1]
  // the same sum once
  // CHECK: %full_end = tile.index [(%sk + 1) floordiv 64]
  // CHECK-NOT: floordiv
  %full_end = tile.index [(%sk + 1) floordiv 64]
  %again = tile.index [(%sk + 1) floordiv 64]
  // CHECK: %o_rows = tile.rows %o, %full_end, %head
  // CHECK: %o_smem = tile.alloc
  // CHECK: tile.block.store %o_rows, %o_smem, %full_end, %full_end
  %o_rows = tile.rows %o, %again, %q_head : (!tile.gl<bf16, 64>, index, index) -> !tile.rows<bf16, 64>
  %o_smem = tile.alloc : !tile.st<64, 64, bf16>
  tile.block.store %o_rows, %o_smem, %full_end, %again : !tile.rows<bf16, 64>, !tile.st<64, 64, bf16>, index, index
}
