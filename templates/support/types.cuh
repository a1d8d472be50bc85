// Element types and the integer arithmetic that loop bounds need. Header-free: NVRTC spends longer on <cuda_bf16.h>
// than on a kernel.
#pragma once

#define ATTUNE_DEVICE __device__ __forceinline__

namespace attune {

struct bf16 {
  unsigned short bits;
};
struct f16 {
  unsigned short bits;
};
/// 4 bits of exponent, 3 of mantissa: up to 448, no infinity, NaN 0x7f and 0xff (Micikevicius et al. 2022).
struct e4m3 {
  unsigned char bits;
};

/// Rounds towards minus infinity, also for negative a. b is a positive constant, so for a power of two this is one
/// shift.
ATTUNE_DEVICE constexpr int floordiv(int a, int b) { return a / b - (a % b < 0); }
/// Rounds towards plus infinity.
ATTUNE_DEVICE constexpr int ceildiv(int a, int b) { return a / b + (a % b > 0); }
/// In [0, b).
ATTUNE_DEVICE constexpr int floormod(int a, int b) { return a - floordiv(a, b) * b; }

/// Number j among the integers from 0 on without [gap_begin, gap_begin + gap).
ATTUNE_DEVICE constexpr int skip(int j, int gap_begin, int gap) { return j < gap_begin ? j : j + gap; }

/// A key of a tile: one that the thread knows at run time, and how far behind it, a constant in unrolled loops.
struct Key {
  int first, offset;
  ATTUNE_DEVICE operator int() const { return first + offset; }
};
// The bound, on the right, moves once per row and tile; each key is an immediate operand.
ATTUNE_DEVICE bool operator<(Key key, int bound) { return key.offset < bound - key.first; }
ATTUNE_DEVICE bool operator<=(Key key, int bound) { return key.offset <= bound - key.first; }
ATTUNE_DEVICE bool operator>(Key key, int bound) { return key.offset > bound - key.first; }
ATTUNE_DEVICE bool operator>=(Key key, int bound) { return key.offset >= bound - key.first; }
ATTUNE_DEVICE bool operator==(Key key, int other) { return key.offset == other - key.first; }

/// |query - key|. Conversions take as long as exponentials: one per row and tile, and none per key.
ATTUNE_DEVICE float distance(int query, Key key) {
  return fabsf(static_cast<float>(query - key.first) - static_cast<float>(key.offset));
}

inline constexpr float log2e = 1.4426950408889634f;
inline constexpr float ln2 = 0.6931471805599453f;

ATTUNE_DEVICE float infinity() { return __int_as_float(0x7f800000); }
ATTUNE_DEVICE float lowest() { return __int_as_float(0xff7fffff); }

} // namespace attune
