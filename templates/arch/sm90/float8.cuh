// Four 8-bit floats in a register (PTX ISA, "Data Movement and Conversion": cvt, prmt).
#pragma once
#include <attune/support/types.cuh>

namespace attune {

// cvt.rn.satfinite.e4m3x2.f32 low, b, a; cvt.rn.satfinite.e4m3x2.f32 high, d, c;   (beyond 448 is 448)
ATTUNE_DEVICE unsigned pack(float a, float b, float c, float d, e4m3) {
  unsigned packed;
  asm("{\n"
      ".reg .b16 low, high;\n"
      "cvt.rn.satfinite.e4m3x2.f32 low, %2, %1;\n"
      "cvt.rn.satfinite.e4m3x2.f32 high, %4, %3;\n"
      "mov.b32 %0, {low, high};\n"
      "}"
      : "=r"(packed)
      : "f"(a), "f"(b), "f"(c), "f"(d));
  return packed;
}

// prmt.b32 d, a, b, selector;   (byte i of d is byte selector >> 4 i & 7 of a and b, which has bytes 4 to 7)
ATTUNE_DEVICE unsigned permute_bytes(unsigned a, unsigned b, unsigned selector) {
  unsigned d;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(selector));
  return d;
}

/// 0x80 in each byte that is NaN.
ATTUNE_DEVICE unsigned nan_bytes(unsigned a, e4m3) { return ((a & 0x7f7f7f7f) + 0x01010101) & 0x80808080; }

/// The value if it is NaN, else 0. There is no infinity.
ATTUNE_DEVICE float nonfinite(e4m3 a) { return (a.bits & 0x7f) == 0x7f ? __int_as_float(0x7fffffff) : 0.0f; }

} // namespace attune
