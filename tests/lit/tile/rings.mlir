// RUN: attune-opt %s | FileCheck %s

// Slots and phases that are used ahead of the next advance of their ring: the verifier has nothing to say.

// CHECK-LABEL: @in_an_if
tile.kernel @in_an_if(%sk: index) threads 128 grid [[], [], []] {
  %k_full = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  %cut_ring = tile.ring : !tile.ring<2>
  %phase = tile.phase %ring : !tile.ring<2>
  tile.advance %cut_ring : !tile.ring<2> // another ring's
  tile.if [%sk] {
    %0 = tile.slot %k_full[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
    tile.bar.wait %0, %phase : !tile.barrier, index
    tile.advance %ring : !tile.ring<2>
  }
}

// CHECK-LABEL: @in_a_role_within_an_if
tile.kernel @in_a_role_within_an_if(%sk: index) threads 128 grid [[], [], []] {
  %k_full = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  %phase = tile.phase %ring : !tile.ring<2>
  %0 = tile.slot %k_full[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
  tile.if [%sk] {
    tile.role issuer {
      tile.bar.wait %0, %phase : !tile.barrier, index
    }
  }
  tile.bar.arrive %0 : !tile.barrier
  tile.advance %ring : !tile.ring<2>
}

// CHECK-LABEL: @of_one_iteration
tile.kernel @of_one_iteration(%sk: index) threads 128 grid [[], [], []] {
  %k_full = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  tile.for %j from %sk down to %sk {
    %phase = tile.phase %ring : !tile.ring<2>
    %0 = tile.slot %k_full[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
    tile.if [%j] {
      tile.bar.wait %0, %phase : !tile.barrier, index
    }
    tile.advance %ring : !tile.ring<2>
  }
}

// CHECK-LABEL: @in_a_loop_that_stays
tile.kernel @in_a_loop_that_stays(%sk: index) threads 128 grid [[], [], []] {
  %k_full = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  %phase = tile.phase %ring : !tile.ring<2>
  %0 = tile.slot %k_full[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
  tile.for %j from %sk down to %sk {
    tile.bar.wait %0, %phase : !tile.barrier, index
  }
  tile.advance %ring : !tile.ring<2>
}

// Whoever advances does not come to the arrival.
// CHECK-LABEL: @behind_a_role_that_returns
tile.kernel @behind_a_role_that_returns() threads 128 grid [[], [], []] {
  %k_empty = tile.alloc : !tile.barrier<stages = 2>
  %ring = tile.ring : !tile.ring<2>
  %0 = tile.slot %k_empty[%ring] : !tile.barrier<stages = 2>, !tile.ring<2> -> !tile.barrier
  tile.role producer {
    tile.advance %ring : !tile.ring<2>
    tile.return
  }
  tile.bar.arrive %0 : !tile.barrier
}
