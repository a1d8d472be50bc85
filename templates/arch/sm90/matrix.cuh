// Warp-wide matrix instructions that sm_80 does not have.
#pragma once
#include <attune/support/types.cuh>

namespace attune::sm90 {

// stmatrix.sync.aligned.m8n8.x4.shared.b16 [row], {..};   lane l names row l % 8 of matrix l / 8
ATTUNE_DEVICE void stmatrix_x4(unsigned row, unsigned a0, unsigned a1, unsigned a2, unsigned a3) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(row), "r"(a0), "r"(a1), "r"(a2),
               "r"(a3)
               : "memory");
}

} // namespace attune::sm90
