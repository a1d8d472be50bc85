// Warp-wide matrix instructions. Fragment layouts: PTX ISA, "Warp Level Matrix Multiply-Accumulate", m16n8k16 and
// ldmatrix.
#pragma once
#include <attune/support/types.cuh>

namespace attune::sm80 {

// ldmatrix.sync.aligned.m8n8.x4.shared.b16 {..}, [row];   lane l names row l % 8 of matrix l / 8
ATTUNE_DEVICE void ldmatrix_x4(unsigned (&d)[4], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(row)
               : "memory");
}

// ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {..}, [row];
ATTUNE_DEVICE void ldmatrix_x4_trans(unsigned (&d)[4], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(row)
               : "memory");
}

// mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 d, a, b, d;
ATTUNE_DEVICE void mma(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, bf16) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 d, a, b, d;
ATTUNE_DEVICE void mma(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, f16) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

} // namespace attune::sm80
