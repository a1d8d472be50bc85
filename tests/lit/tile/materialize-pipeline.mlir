// RUN: attune-opt %s -pass-pipeline='builtin.module(tile.kernel(tile-materialize-pipeline))' --split-input-file --verify-diagnostics | FileCheck %s

// Two stages, one fetch per tile: copies run one group ahead of their use, in a ring of two slots.

// CHECK-LABEL: tile.kernel @ring
//  CHECK-NEXT:   %k_smem = tile.alloc : !tile.st<64, 64, bf16, stages = 2>
//       CHECK:   %ring = tile.ring : <2>
// prologue
//       CHECK:   tile.if [%tiles - %{{.*}} - 1] {
//       CHECK:     %[[FIRST:.+]] = tile.slot %k_smem[%ring]
//       CHECK:     tile.block.load_async %[[FIRST]]
//       CHECK:   tile.cp_async.commit
// steady state
//       CHECK:   tile.for %j from %tiles down to
//       CHECK:     tile.cp_async.wait 0 {note = "K(j) is there, K(j + 1) is used up"}
//  CHECK-NEXT:     tile.block.sync
//       CHECK:     tile.if [%j - %{{.*}} - 1] {
//       CHECK:       %[[NEXT:.+]] = tile.slot %k_smem[%ring + 1]
//  CHECK-NEXT:       tile.block.load_async %[[NEXT]], {{.*}} index{{$}}
//       CHECK:     tile.cp_async.commit
//       CHECK:     %[[SLOT:.+]] = tile.slot %k_smem[%ring]
//       CHECK:     tile.warp.mm_ABt %scores, %q_smem, %[[SLOT]]
//  CHECK-NEXT:     tile.advance %ring
// what is still under way when no tile was visited
//       CHECK:   tile.cp_async.wait 0
//  CHECK-NEXT:   tile.block.sync
tile.kernel @ring(%k: !tile.gl<bf16, 64>, %head: index, %tiles: index) threads 128 grid [[], [], []] attributes {stages = 2 : i64} {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16>
  %q_smem = tile.alloc : !tile.st<64, 64, bf16>
  %scores = tile.alloc : !tile.rt<16, 64, f32>
  %k_rows = tile.rows %k, %head, %head : (!tile.gl<bf16, 64>, index, index) -> !tile.rows<bf16, 64>
  %0 = tile.index [0]
  tile.fetch "Q" %q_smem, %k_rows[%0] : !tile.st<64, 64, bf16>, !tile.rows<bf16, 64>
  tile.for %j from %tiles down to %0 {
    %1 = tile.index [%j * 64]
    tile.fetch "K" %k_smem, %k_rows[%1] : !tile.st<64, 64, bf16>, !tile.rows<bf16, 64>
    tile.warp.mm_ABt %scores, %q_smem, %k_smem : !tile.rt<16, 64, f32>, !tile.st<64, 64, bf16>, !tile.st<64, 64, bf16>
  }
  tile.block.sync
}

// -----

// A kernel that returns where no tile is visited needs no guard on the first; and where V may hold what the mask hides,
// each thread looks at what it copied before the others read it.

// CHECK-LABEL: tile.kernel @some
//   CHECK-NOT:   tile.if [%tiles
//       CHECK:   tile.block.load_async
//       CHECK:   tile.for
//       CHECK:     tile.cp_async.wait 0
//  CHECK-NEXT:     %[[V:.+]] = tile.slot %v_smem[%ring]
//  CHECK-NEXT:     tile.block.make_finite %[[V]], %v_nonfinite
//  CHECK-NEXT:     tile.block.sync
tile.kernel @some(%v: !tile.gl<bf16, 64>, %begin: index, %tiles: index) threads 128 grid [[], [], []] attributes {stages = 2 : i64} {
  %v_smem = tile.alloc : !tile.st<64, 64, bf16>
  %v_nonfinite = tile.alloc : !tile.bool
  %v_rows = tile.rows %v, %begin, %begin : (!tile.gl<bf16, 64>, index, index) -> !tile.rows<bf16, 64>
  tile.if [%begin - %tiles] {
    tile.return
  }
  tile.for %j from %tiles down to %begin {
    %1 = tile.index [%j * 64]
    tile.fetch "V" %v_smem, %v_rows[%1] found %v_nonfinite : !tile.bool : !tile.st<64, 64, bf16>, !tile.rows<bf16, 64>
  }
}

// -----

tile.kernel @rows(%k: !tile.gl<bf16, 64>, %head: index, %tiles: index) threads 128 grid [[], [], []] {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16>
  %k_rows = tile.rows %k, %head, %head : (!tile.gl<bf16, 64>, index, index) -> !tile.rows<bf16, 64>
  %0 = tile.index [0]
  tile.for %j from %tiles down to %0 {
    // expected-error @+1 {{expected rows that are an expression of the loop's tile}}
    tile.fetch "K" %k_smem, %k_rows[%head] : !tile.st<64, 64, bf16>, !tile.rows<bf16, 64>
  }
}

// -----

tile.kernel @gap(%k: !tile.gl<bf16, 64>, %head: index, %tiles: index) threads 128 grid [[], [], []] {
  %k_smem = tile.alloc : !tile.st<64, 64, bf16>
  %k_rows = tile.rows %k, %head, %head : (!tile.gl<bf16, 64>, index, index) -> !tile.rows<bf16, 64>
  %0 = tile.index [0]
  tile.for %j from %tiles down to %head {
    %1 = tile.index [%j * 64]
    tile.fetch "K" %k_smem, %k_rows[%1] : !tile.st<64, 64, bf16>, !tile.rows<bf16, 64>
  }
  // expected-error @+1 {{expected loops that go on where the one before stops, with the same fetches}}
  tile.for %i from %tiles down to %0 {
    %2 = tile.index [%i * 64]
    tile.fetch "K" %k_smem, %k_rows[%2] : !tile.st<64, 64, bf16>, !tile.rows<bf16, 64>
  }
}
