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

/// The products of N columns, a multiple of 16. Each N lists its own registers, so each is a specialisation, in
/// wgmma_N.cuh: a kernel includes those that it uses, since reading all of them takes as long as the rest of the
/// vocabulary.
///   mm_ABt, mma_ABt: A and B by descriptor, both K-major; mm_ starts from zero.
///   mma_AB: A in registers, B by descriptor, MN-major. 8-bit floats have mma_ABt instead: B is K-major.
template <int N>
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

// i0 .. i4 are the numbers of the operands that follow the accumulators.
#define ATTUNE_WGMMA_TYPE(N, T, type, i0, i1, i2, i3, i4)                                                              \
  static ATTUNE_DEVICE void mm_ABt(float (&d)[N / 8][4], unsigned long long a, unsigned long long b, T) {              \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, 0, 0;\n"                                                            \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." type "." type " {" ATTUNE_R##N                      \
                 "}, %" #i0 ", %" #i1 ", p, 1, 1, 0, 0;\n}"                                                            \
                 : ATTUNE_D##N("=f", 0)                                                                                \
                 : "l"(a), "l"(b));                                                                                    \
  }                                                                                                                    \
  static ATTUNE_DEVICE void mma_ABt(float (&d)[N / 8][4], unsigned long long a, unsigned long long b, T) {             \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, 1, 0;\n"                                                            \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." type "." type " {" ATTUNE_R##N                      \
                 "}, %" #i0 ", %" #i1 ", p, 1, 1, 0, 0;\n}"                                                            \
                 : ATTUNE_D##N("+f", 0)                                                                                \
                 : "l"(a), "l"(b));                                                                                    \
  }                                                                                                                    \
  static ATTUNE_DEVICE void mma_AB(float (&d)[N / 8][4], const unsigned (&a)[4], unsigned long long b, T) {            \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, 1, 0;\n"                                                            \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." type "." type " {" ATTUNE_R##N                      \
                 "}, {%" #i0 ", %" #i1 ", %" #i2 ", %" #i3 "}, %" #i4 ", p, 1, 1, 1;\n}"                               \
                 : ATTUNE_D##N("+f", 0)                                                                                \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                                                \
  }
#define ATTUNE_WGMMA_E4M3(N, i0, i1, i2, i3, i4)                                                                       \
  static ATTUNE_DEVICE void mm_ABt(float (&d)[N / 8][4], unsigned long long a, unsigned long long b, e4m3) {           \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, 0, 0;\n"                                                            \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k32.f32.e4m3.e4m3 {" ATTUNE_R##N "}, %" #i0 ", %" #i1         \
                                                                                          ", p, 1, 1;\n}"              \
                 : ATTUNE_D##N("=f", 0)                                                                                \
                 : "l"(a), "l"(b));                                                                                    \
  }                                                                                                                    \
  static ATTUNE_DEVICE void mma_ABt(float (&d)[N / 8][4], unsigned long long a, unsigned long long b, e4m3) {          \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, 1, 0;\n"                                                            \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k32.f32.e4m3.e4m3 {" ATTUNE_R##N "}, %" #i0 ", %" #i1         \
                                                                                          ", p, 1, 1;\n}"              \
                 : ATTUNE_D##N("+f", 0)                                                                                \
                 : "l"(a), "l"(b));                                                                                    \
  }                                                                                                                    \
  static ATTUNE_DEVICE void mma_ABt(float (&d)[N / 8][4], const unsigned (&a)[4], unsigned long long b, e4m3) {        \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, 1, 0;\n"                                                            \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k32.f32.e4m3.e4m3 {" ATTUNE_R##N                              \
                 "}, {%" #i0 ", %" #i1 ", %" #i2 ", %" #i3 "}, %" #i4 ", p, 1, 1;\n}"                                  \
                 : ATTUNE_D##N("+f", 0)                                                                                \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                                                \
  }
// wgmma.mma_async.sync.aligned.m64nNk16.f32.T.T d, a, b, p, 1, 1, ..;   and m64nNk32 for e4m3
#define ATTUNE_WGMMA(N, ...)                                                                                           \
  template <>                                                                                                          \
  struct attune::sm90::wgmma<N> {                                                                                      \
    ATTUNE_WGMMA_TYPE(N, bf16, "bf16", __VA_ARGS__)                                                                    \
    ATTUNE_WGMMA_TYPE(N, f16, "f16", __VA_ARGS__)                                                                      \
    ATTUNE_WGMMA_E4M3(N, __VA_ARGS__)                                                                                  \
  };
