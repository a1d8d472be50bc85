// What a warpgroup does: matrix products on tiles in shared memory, turns, registers. Of a block's tile, warpgroup w
// owns rows [64 w, 64 w + 64) and each of its warps 16 of them, as in the portable vocabulary; so softmax and the
// register tiles are the same (a wgmma accumulator is made of the fragments of mma.m16n8k16).
#pragma once
#include <attune/arch/sm80/async.cuh>
#include <attune/arch/sm80/math.cuh>
#include <attune/arch/sm90/barrier.cuh>
#include <attune/arch/sm90/control.cuh>
#include <attune/arch/sm90/matrix.cuh>
#include <attune/arch/sm90/wgmma.cuh>
#include <attune/tile/tiles.cuh>

namespace attune {

/// Consumer warpgroups, which compute, and behind them the producer, which copies.
template <int Consumers>
struct specialized_block {
  static constexpr int threads = (Consumers + 1) * 128;
  static ATTUNE_DEVICE bool is_producer() { return threadIdx.x / 128 == Consumers; }
  static ATTUNE_DEVICE void sync() { sm90::barrier_sync(0, threads); }
  /// The consumers only.
  static ATTUNE_DEVICE void sync_consumers() { sm90::barrier_sync(7, Consumers * 128); }
};

namespace warpgroup {

ATTUNE_DEVICE int index() { return threadIdx.x / 128; }

/// In the producer: the thread that starts its copies. It is always the same one, and it alone knows where its rings
/// are.
ATTUNE_DEVICE bool is_issuer() { return threadIdx.x % 128 / 32 == 0 && sm90::elect(); }
/// In the producer: the warp that makes V finite.
ATTUNE_DEVICE bool is_checker() { return threadIdx.x % 128 / 32 == 1; }

// named barriers of the block: 0 is block::sync, 7 block::sync_consumers
inline constexpr int first_turn = 1, first_warpgroup = 4;

/// The threads of this warpgroup.
ATTUNE_DEVICE void sync() { sm90::barrier_sync(first_warpgroup + index(), 128); }

/// Registers per thread from here on. Multiples of 8; the sum over the block's threads is at most 65536.
template <int Registers>
ATTUNE_DEVICE void increase_registers() {
  sm90::setmaxnreg_inc<Registers>();
}
template <int Registers>
ATTUNE_DEVICE void decrease_registers() {
  sm90::setmaxnreg_dec<Registers>();
}

/// Consumer warpgroups start their matrix products in turns, so that one's softmax runs while another's products do
/// (FlashAttention-3, section 3.1). Warpgroup 0 begins; each takes as many turns as the others.
template <int Consumers>
ATTUNE_DEVICE void pass_turn() {
  const int next = Consumers == 2 ? 1 - index() : index() == Consumers - 1 ? 0 : index() + 1;
  sm90::barrier_arrive(first_turn + next, 256);
}
template <int Consumers>
ATTUNE_DEVICE void take_turn() {
  sm90::barrier_sync(first_turn + index(), 256);
}
template <int Consumers>
ATTUNE_DEVICE void begin_turns() {
  if (index() == Consumers - 1)
    pass_turn<Consumers>();
}

namespace detail {
/// Values stay on their side of this point: the compiler sees no use of registers in wgmma.wait_group or wgmma.fence.
template <int M, int N>
ATTUNE_DEVICE void pin(rt<float, M, N>& t) {
#pragma unroll
  for (int n = 0; n < N / 8; ++n)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      asm volatile("" : "+f"(t.data[0][n][i]));
}

/// Shared memory descriptor (PTX ISA, "Asynchronous Warpgroup Level Matrix Shared Memory Layout"): the start, the
/// distance between the panels of an MN-major operand, between groups of 8 rows, and the swizzle, 1 for 128 bytes, 2
/// for 64, 3 for 32. Of the rows from `row` on, a multiple of 8. Descriptors must be in uniform registers; one that is
/// not known to be uniform would be moved there for each product.
template <class T, int Rows, int Cols>
ATTUNE_DEVICE unsigned long long descriptor(const st<T, Rows, Cols>& tile, int row = 0) {
  constexpr unsigned long long per_panel = st<T, Rows, Cols>::per_panel;
  constexpr unsigned long long between_panels = Rows * per_panel * 32, between_rows = 8 * per_panel * 32;
  constexpr unsigned long long swizzle = per_panel == 4 ? 1 : per_panel == 2 ? 2 : 3;
  static_assert(sizeof(tile.bytes) % 1024 == 0, "a swizzled tile begins at a multiple of 1024 bytes, in a ring too");
  const unsigned start =
      (tile.address() + row * per_panel * 32) % 0x40000 / 16; // without the block's rank in a cluster
  const unsigned low = warp::uniform(static_cast<unsigned>(between_panels) / 16 << 16 | start);
  return swizzle << 62 | between_rows / 16 << 32 | low;
}
/// What step k adds to the descriptor of a K-major operand, and of an MN-major one.
template <class Tile>
struct k_major {
  static ATTUNE_DEVICE constexpr int at(int k) {
    return (k / Tile::per_panel * Tile::per_panel * Tile::rows + k % Tile::per_panel) * 32 / 16;
  }
};
template <class Tile>
struct mn_major {
  static ATTUNE_DEVICE constexpr int at(int k) { return k * 16 * Tile::panel * 2 / 16; }
};

/// The products of steps [First, Steps): four in a statement while four are left.
template <bool FromZero, class A, class B, class T, int Steps, int First = 0, int N>
ATTUNE_DEVICE void steps(rt<float, 16, N>& d, unsigned long long a, unsigned long long b) {
  constexpr int now = Steps - First < 4 ? 1 : 4;
  if constexpr (FromZero && First == 0)
    sm90::wgmma<N, now>::template mm_ABt<A, B, First>(d.data[0], a, b, T());
  else
    sm90::wgmma<N, now>::template mma_ABt<A, B, First>(d.data[0], a, b, T());
  if constexpr (First + now < Steps)
    steps<FromZero, A, B, T, Steps, First + now>(d, a, b);
}
template <class B, int First = 0, class T, int N, int K>
ATTUNE_DEVICE void steps(rt<float, 16, N>& d, const rt<T, 16, K>& a, unsigned long long b) {
  constexpr int all = K * sizeof(T) / 32, now = all - First < 4 ? 1 : 4;
  sm90::wgmma<N, now>::template mma_AB<B, First>(d.data[0], a.data[0], b, T());
  if constexpr (First + now < all)
    steps<B, First + now>(d, a, b);
}

template <bool FromZero, class T, int N, int Rows, int Cols>
ATTUNE_DEVICE void ABt_async(rt<float, 16, N>& d, const st<T, Rows, Cols>& a, const st<T, N, Cols>& b) {
  using queries = st<T, Rows, Cols>;
  const unsigned long long b_rows = descriptor(b);
  const unsigned long long a_rows = descriptor(a, index() * 64);
  sm90::wgmma_fence();
  steps<FromZero, k_major<queries>, k_major<st<T, N, Cols>>, T, queries::blocks>(d, a_rows, b_rows);
  sm90::wgmma_commit();
}
} // namespace detail

/// scores = A B^T for the warpgroup's rows of A: every key against the warpgroup's queries. Committed as one group.
template <class T, int N, int Rows, int Cols>
ATTUNE_DEVICE void mm_ABt_async(rt<float, 16, N>& d, const st<T, Rows, Cols>& a, const st<T, N, Cols>& b) {
  detail::ABt_async<true>(d, a, b);
}

/// d += A B^T. Products into one d may follow one another without a wait; nothing else touches it meanwhile.
template <class T, int N, int Rows, int Cols>
ATTUNE_DEVICE void mma_ABt_async(rt<float, 16, N>& d, const st<T, Rows, Cols>& a, const st<T, N, Cols>& b) {
  detail::ABt_async<false>(d, a, b);
}

/// out += P V. Committed as one group; P stays untouched until it is done.
template <class T, int N, int K>
ATTUNE_DEVICE void mma_AB_async(rt<float, 16, N>& d, const rt<T, 16, K>& a, const st<T, K, N>& b) {
  const unsigned long long b_rows = detail::descriptor(b);
  detail::pin(d);
  sm90::wgmma_fence();
  detail::steps<detail::mn_major<st<T, K, N>>>(d, a, b_rows);
  sm90::wgmma_commit();
}

/// out += P V for V that has been transposed.
template <class T, int N, int K>
ATTUNE_DEVICE void mma_ABt_async(rt<float, 16, N>& d, const rt<T, 16, K>& a, const st<T, N, K>& b) {
  const unsigned long long b_rows = detail::descriptor(b);
  detail::pin(d);
  sm90::wgmma_fence();
  detail::steps<detail::k_major<st<T, N, K>>>(d, a, b_rows);
  sm90::wgmma_commit();
}

/// Until all but the N youngest groups are done. Names the tiles that are complete then.
template <int N, class... Tiles>
ATTUNE_DEVICE void wait(Tiles&... tiles) {
  sm90::wgmma_wait<N>();
  (detail::pin(tiles), ...);
}

namespace detail {
/// Chunk i of the warpgroup's rows, panel by panel: eight neighbouring lanes stay in one, so their 128 bytes meet no
/// bank twice.
struct chunk_place {
  int row, chunk;
};
template <class Tile>
ATTUNE_DEVICE chunk_place place(int i) {
  constexpr int chunks = Tile::per_panel * 2;
  return {index() * 64 + i / chunks % 64, i / (64 * chunks) * chunks + i % chunks};
}
} // namespace detail

/// Starts the copy of the warpgroup's rows of a tile; wait_for_load() before they are used. Rows at `limit` and beyond,
/// and columns beyond the head dim, become zero.
template <class T, int Rows, int Cols, class View>
ATTUNE_DEVICE void load_async(st<T, Rows, Cols>& dst, const View& src, int first, int limit) {
  constexpr int chunk_width = 16 / sizeof(T), chunks = Cols / chunk_width;
#pragma unroll 1
  for (int i = threadIdx.x % 128; i < 64 * chunks; i += 128) {
    const auto [row, chunk] = detail::place<st<T, Rows, Cols>>(i);
    cp_async::copy_or_zero(dst.address(row, chunk / 2, chunk % 2), src(first + row) + chunk * chunk_width,
                           chunk * chunk_width < View::cols && first + row < limit);
  }
  cp_async::commit();
}
ATTUNE_DEVICE void wait_for_load() {
  cp_async::wait<0>();
  sm90::fence_proxy_async();
  sync();
}
template <class T, int Rows, int Cols, class View>
ATTUNE_DEVICE void load(st<T, Rows, Cols>& dst, const View& src, int first, int limit) {
  load_async(dst, src, first, limit);
  wait_for_load();
}

/// The warp's rows of a tile, rounded to its type.
template <class T, int N, int Rows, int Cols>
ATTUNE_DEVICE void store(st<T, Rows, Cols>& d, const rt<float, 16, N>& a) {
  const int row = threadIdx.x / 32 * 16 + threadIdx.x % 16, half = threadIdx.x % 32 / 16;
#pragma unroll
  for (int n = 0; n < N / 16; ++n) {
    const float (&left)[4] = a.data[0][2 * n], (&right)[4] = a.data[0][2 * n + 1];
    sm90::stmatrix_x4(d.address(row, n, half), pack(left[0], left[1], T()), pack(left[2], left[3], T()),
                      pack(right[0], right[1], T()), pack(right[2], right[3], T()));
  }
}

/// The warpgroup's rows of a tile, as its warps wrote them, to rows [first, limit): 16 bytes per thread.
template <class View, class T, int Rows, int Cols>
ATTUNE_DEVICE void store(const View& dst, const st<T, Rows, Cols>& src, int first, int limit) {
  sync();
#pragma unroll 1
  for (int i = threadIdx.x % 128; i < 64 * (Cols / 8); i += 128) {
    const auto [row, chunk] = detail::place<st<T, Rows, Cols>>(i);
    if (chunk * 8 < View::cols && first + row < limit)
      *reinterpret_cast<int4*>(dst(first + row) + chunk * 8) =
          *reinterpret_cast<const int4*>(src.bytes + src.offset(row, chunk / 2, chunk % 2));
  }
}

} // namespace warpgroup
} // namespace attune
