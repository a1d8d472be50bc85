// Asynchronous matrix products of a warpgroup, m64nNk16 and, of 8-bit floats, m64nNk32, with fp32 accumulators (PTX
// ISA, "Asynchronous Warpgroup Level Matrix Instructions"). d[n] is the 16 x 8 fragment of columns 8 n .. 8 n + 7, as
// of mma.m16n8k16.
#pragma once
#include <attune/support/types.cuh>

namespace attune::sm90 {

// wgmma.fence.sync.aligned;   (orders accesses to registers before the products that follow)
ATTUNE_DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

// wgmma.commit_group.sync.aligned;
ATTUNE_DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// wgmma.wait_group.sync.aligned N;   (all but the N youngest groups are done)
template <int N>
ATTUNE_DEVICE void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

/// The products of N columns, a multiple of 16, in Steps steps along k: 1, or 4 in one statement, for what a statement
/// costs the compiler is its registers, not its instructions. Each N lists its own registers, so each is a
/// specialisation, in wgmma_N.cuh: a kernel includes those that it uses, since reading all of them takes as long as the
/// rest of the vocabulary.
///   mm_ABt, mma_ABt: A and B by descriptor, both K-major; mm_ starts from zero.
///   mma_AB: A in registers, B by descriptor, MN-major; of 8-bit floats K-major, as they have to be.
/// Step k adds A::at(k) and B::at(k) to the descriptors, in the statement: there ptxas sees that they are one for the
/// warp.
template <int N, int Steps>
struct wgmma;

} // namespace attune::sm90

// The registers of N columns by number, and as operands of an asm that reads and writes them ("+f") or only writes
// ("=f").
#define ATTUNE_R16 "%0, %1, %2, %3, %4, %5, %6, %7"
#define ATTUNE_R32 ATTUNE_R16 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define ATTUNE_R48 ATTUNE_R32 ", %16, %17, %18, %19, %20, %21, %22, %23"
#define ATTUNE_R64 ATTUNE_R48 ", %24, %25, %26, %27, %28, %29, %30, %31"
#define ATTUNE_R80 ATTUNE_R64 ", %32, %33, %34, %35, %36, %37, %38, %39"
#define ATTUNE_R96 ATTUNE_R80 ", %40, %41, %42, %43, %44, %45, %46, %47"
#define ATTUNE_R112 ATTUNE_R96 ", %48, %49, %50, %51, %52, %53, %54, %55"
#define ATTUNE_R128 ATTUNE_R112 ", %56, %57, %58, %59, %60, %61, %62, %63"
#define ATTUNE_R144 ATTUNE_R128 ", %64, %65, %66, %67, %68, %69, %70, %71"
#define ATTUNE_R160 ATTUNE_R144 ", %72, %73, %74, %75, %76, %77, %78, %79"
#define ATTUNE_R176 ATTUNE_R160 ", %80, %81, %82, %83, %84, %85, %86, %87"
#define ATTUNE_R192 ATTUNE_R176 ", %88, %89, %90, %91, %92, %93, %94, %95"
#define ATTUNE_R208 ATTUNE_R192 ", %96, %97, %98, %99, %100, %101, %102, %103"
#define ATTUNE_R224 ATTUNE_R208 ", %104, %105, %106, %107, %108, %109, %110, %111"
#define ATTUNE_R240 ATTUNE_R224 ", %112, %113, %114, %115, %116, %117, %118, %119"
#define ATTUNE_R256 ATTUNE_R240 ", %120, %121, %122, %123, %124, %125, %126, %127"
#define ATTUNE_D16(f, n)                                                                                               \
  f(d[n][0]), f(d[n][1]), f(d[n][2]), f(d[n][3]), f(d[n + 1][0]), f(d[n + 1][1]), f(d[n + 1][2]), f(d[n + 1][3])
#define ATTUNE_D32(f, n) ATTUNE_D16(f, n), ATTUNE_D16(f, n + 2)
#define ATTUNE_D64(f, n) ATTUNE_D32(f, n), ATTUNE_D32(f, n + 4)
#define ATTUNE_D128(f, n) ATTUNE_D64(f, n), ATTUNE_D64(f, n + 8)
#define ATTUNE_D256(f, n) ATTUNE_D128(f, n), ATTUNE_D128(f, n + 16)
#define ATTUNE_D48(f, n) ATTUNE_D32(f, n), ATTUNE_D16(f, n + 4)
#define ATTUNE_D80(f, n) ATTUNE_D64(f, n), ATTUNE_D16(f, n + 8)
#define ATTUNE_D96(f, n) ATTUNE_D64(f, n), ATTUNE_D32(f, n + 8)
#define ATTUNE_D112(f, n) ATTUNE_D64(f, n), ATTUNE_D32(f, n + 8), ATTUNE_D16(f, n + 12)
#define ATTUNE_D144(f, n) ATTUNE_D128(f, n), ATTUNE_D16(f, n + 16)
#define ATTUNE_D160(f, n) ATTUNE_D128(f, n), ATTUNE_D32(f, n + 16)
#define ATTUNE_D176(f, n) ATTUNE_D128(f, n), ATTUNE_D32(f, n + 16), ATTUNE_D16(f, n + 20)
#define ATTUNE_D192(f, n) ATTUNE_D128(f, n), ATTUNE_D64(f, n + 16)
#define ATTUNE_D208(f, n) ATTUNE_D128(f, n), ATTUNE_D64(f, n + 16), ATTUNE_D16(f, n + 24)
#define ATTUNE_D224(f, n) ATTUNE_D128(f, n), ATTUNE_D64(f, n + 16), ATTUNE_D32(f, n + 24)
#define ATTUNE_D240(f, n) ATTUNE_D128(f, n), ATTUNE_D64(f, n + 16), ATTUNE_D32(f, n + 24), ATTUNE_D16(f, n + 28)

// One step: its descriptors, and the instruction with A by descriptor or in registers. `end` says what is MN-major,
// where that can be said.
#define ATTUNE_AT(x, start, step) "add.s64 " x ", %" #start ", %" #step ";\n"
#define ATTUNE_STEP(N, shape, accumulate, end)                                                                         \
  "wgmma.mma_async.sync.aligned.m64n" #N shape " {" ATTUNE_R##N "}, a, b, " accumulate ", 1, 1" end ";\n"
#define ATTUNE_STEP_A(N, shape, a0, a1, a2, a3, end)                                                                   \
  "wgmma.mma_async.sync.aligned.m64n" #N shape " {" ATTUNE_R##N "}, {%" #a0 ", %" #a1 ", %" #a2 ", %" #a3              \
                                                                "}, b, yes, 1, 1" end ";\n"
#define ATTUNE_BEGIN "{\n.reg .b64 a, b;\n.reg .pred no, yes;\nsetp.ne.b32 no, 0, 0;\nsetp.ne.b32 yes, 1, 0;\n"
#define ATTUNE_A(k) "r"(a[k][0]), "r"(a[k][1]), "r"(a[k][2]), "r"(a[k][3])

// First is the first step; i0, i1, .. are the numbers of the operands that follow the accumulators.
#define ATTUNE_WGMMA_1(N, T, shape, end, end_a, i0, i1, i2, i3, i4, i5, ...)                                           \
  template <class A, class B, int First>                                                                               \
  static ATTUNE_DEVICE void mm_ABt(float (&d)[N / 8][4], unsigned long long a, unsigned long long b, T) {              \
    asm volatile(ATTUNE_BEGIN ATTUNE_AT("a", i0, i2) ATTUNE_AT("b", i1, i3) ATTUNE_STEP(N, shape, "no", end) "}"       \
                 : ATTUNE_D##N("=f", 0)                                                                                \
                 : "l"(a), "l"(b), "n"(A::at(First)), "n"(B::at(First)));                                              \
  }                                                                                                                    \
  template <class A, class B, int First>                                                                               \
  static ATTUNE_DEVICE void mma_ABt(float (&d)[N / 8][4], unsigned long long a, unsigned long long b, T) {             \
    asm volatile(ATTUNE_BEGIN ATTUNE_AT("a", i0, i2) ATTUNE_AT("b", i1, i3) ATTUNE_STEP(N, shape, "yes", end) "}"      \
                 : ATTUNE_D##N("+f", 0)                                                                                \
                 : "l"(a), "l"(b), "n"(A::at(First)), "n"(B::at(First)));                                              \
  }                                                                                                                    \
  template <class B, int First>                                                                                        \
  static ATTUNE_DEVICE void mma_AB(float (&d)[N / 8][4], const unsigned (*a)[4], unsigned long long b, T) {            \
    asm volatile(ATTUNE_BEGIN ATTUNE_AT("b", i4, i5) ATTUNE_STEP_A(N, shape, i0, i1, i2, i3, end_a) "}"                \
                 : ATTUNE_D##N("+f", 0)                                                                                \
                 : ATTUNE_A(First), "l"(b), "n"(B::at(First)));                                                        \
  }
#define ATTUNE_WGMMA_4(N, T, shape, end, end_a, i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11, i12, i13, i14, i15,  \
                       i16, i17, i18, i19, i20)                                                                        \
  template <class A, class B, int First>                                                                               \
  static ATTUNE_DEVICE void mm_ABt(float (&d)[N / 8][4], unsigned long long a, unsigned long long b, T) {              \
    asm volatile(ATTUNE_BEGIN ATTUNE_AT("a", i0, i2) ATTUNE_AT("b", i1, i6) ATTUNE_STEP(N, shape, "no", end)           \
                     ATTUNE_AT("a", i0, i3) ATTUNE_AT("b", i1, i7) ATTUNE_STEP(N, shape, "yes", end)                   \
                         ATTUNE_AT("a", i0, i4) ATTUNE_AT("b", i1, i8) ATTUNE_STEP(N, shape, "yes", end)               \
                             ATTUNE_AT("a", i0, i5) ATTUNE_AT("b", i1, i9) ATTUNE_STEP(N, shape, "yes", end) "}"       \
                 : ATTUNE_D##N("=f", 0)                                                                                \
                 : "l"(a), "l"(b), "n"(A::at(First)), "n"(A::at(First + 1)), "n"(A::at(First + 2)),                    \
                   "n"(A::at(First + 3)), "n"(B::at(First)), "n"(B::at(First + 1)), "n"(B::at(First + 2)),             \
                   "n"(B::at(First + 3)));                                                                             \
  }                                                                                                                    \
  template <class A, class B, int First>                                                                               \
  static ATTUNE_DEVICE void mma_ABt(float (&d)[N / 8][4], unsigned long long a, unsigned long long b, T) {             \
    asm volatile(ATTUNE_BEGIN ATTUNE_AT("a", i0, i2) ATTUNE_AT("b", i1, i6) ATTUNE_STEP(N, shape, "yes", end)          \
                     ATTUNE_AT("a", i0, i3) ATTUNE_AT("b", i1, i7) ATTUNE_STEP(N, shape, "yes", end)                   \
                         ATTUNE_AT("a", i0, i4) ATTUNE_AT("b", i1, i8) ATTUNE_STEP(N, shape, "yes", end)               \
                             ATTUNE_AT("a", i0, i5) ATTUNE_AT("b", i1, i9) ATTUNE_STEP(N, shape, "yes", end) "}"       \
                 : ATTUNE_D##N("+f", 0)                                                                                \
                 : "l"(a), "l"(b), "n"(A::at(First)), "n"(A::at(First + 1)), "n"(A::at(First + 2)),                    \
                   "n"(A::at(First + 3)), "n"(B::at(First)), "n"(B::at(First + 1)), "n"(B::at(First + 2)),             \
                   "n"(B::at(First + 3)));                                                                             \
  }                                                                                                                    \
  template <class B, int First>                                                                                        \
  static ATTUNE_DEVICE void mma_AB(float (&d)[N / 8][4], const unsigned (*a)[4], unsigned long long b, T) {            \
    asm volatile(ATTUNE_BEGIN ATTUNE_AT("b", i16, i17) ATTUNE_STEP_A(N, shape, i0, i1, i2, i3, end_a)                  \
                     ATTUNE_AT("b", i16, i18) ATTUNE_STEP_A(N, shape, i4, i5, i6, i7, end_a) ATTUNE_AT("b", i16, i19)  \
                         ATTUNE_STEP_A(N, shape, i8, i9, i10, i11, end_a) ATTUNE_AT("b", i16, i20)                     \
                             ATTUNE_STEP_A(N, shape, i12, i13, i14, i15, end_a) "}"                                    \
                 : ATTUNE_D##N("+f", 0)                                                                                \
                 : ATTUNE_A(First), ATTUNE_A(First + 1), ATTUNE_A(First + 2), ATTUNE_A(First + 3), "l"(b),             \
                   "n"(B::at(First)), "n"(B::at(First + 1)), "n"(B::at(First + 2)), "n"(B::at(First + 3)));            \
  }
// wgmma.mma_async.sync.aligned.m64nNk16.f32.T.T d, a, b, p, 1, 1, ..;   and m64nNk32 for e4m3
#define ATTUNE_WGMMA_STEPS(Steps, products, N, ...)                                                                    \
  template <>                                                                                                          \
  struct attune::sm90::wgmma<N, Steps> {                                                                               \
    products(N, bf16, "k16.f32.bf16.bf16", ", 0, 0", ", 1", __VA_ARGS__);                                              \
    products(N, f16, "k16.f32.f16.f16", ", 0, 0", ", 1", __VA_ARGS__);                                                 \
    products(N, e4m3, "k32.f32.e4m3.e4m3", "", "", __VA_ARGS__);                                                       \
  };
#define ATTUNE_WGMMA(N, ...)                                                                                           \
  ATTUNE_WGMMA_STEPS(1, ATTUNE_WGMMA_1, N, __VA_ARGS__)                                                                \
  ATTUNE_WGMMA_STEPS(4, ATTUNE_WGMMA_4, N, __VA_ARGS__)
