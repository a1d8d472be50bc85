// Online softmax over key tiles (Milakov and Gimelshein 2018; FlashAttention-2, algorithm 1). The state of a row is its
// maximum so far of scale_log2 times the score, the sum of the weights 2^(scale_log2 score - maximum), and the sum of
// weights times V. The maximum is kept as it is subtracted, so that one that stays makes a factor of exactly 1. Row
// sums stay per lane until the end.
#pragma once
#include <attune/arch/sm80/math.cuh>
#include <attune/tile/warp.cuh>

namespace attune::softmax {

namespace detail {
ATTUNE_DEVICE float quad_max(float a) {
  a = fmaxf(a, __shfl_xor_sync(~0u, a, 1));
  return fmaxf(a, __shfl_xor_sync(~0u, a, 2));
}
ATTUNE_DEVICE float quad_sum(float a) {
  a += __shfl_xor_sync(~0u, a, 1);
  return a + __shfl_xor_sync(~0u, a, 2);
}

/// Descales of 8-bit heads that are all zero may be 0, and 0 times the -inf of a hidden score NaN: a factor this small
/// leaves all visible keys the same weight too.
ATTUNE_DEVICE float positive(float scale_log2) { return fmaxf(scale_log2, 1.17549435e-38f); }

/// Calls f(score, row, key) for each element of the warp's scores; `first_row` is the block's, `first_key` the tile's.
/// A key is the first of the thread and a constant. Nothing that is computed of the first may leave the loop over
/// tiles, where each such value would hold a register.
template <int M, int N, class F>
ATTUNE_DEVICE void each(rt<float, M, N>& scores, int first_row, int first_key, const F& f) {
  const int row = first_row + warp::index() * M + warp::lane() / 4;
  int key = first_key + warp::lane() % 4 * 2;
  asm("" : "+r"(key));
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int n = 0; n < N / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        f(scores.data[m][n][i], row + m * 16 + i / 2 * 8, Key{key, n * 8 + i % 2});
}
} // namespace detail

/// The state of a row that has seen no key: acc = 0, sum = 0, and the lowest number for a maximum: measured from it the
/// weight of a hidden key is 2^-inf = 0, where -inf - -inf would be NaN.
template <int M, int N>
ATTUNE_DEVICE void reset(rt<float, M, N>& out, rv<M>& row_max, rv<M>& row_sum) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m) {
#pragma unroll
    for (int n = 0; n < N / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        out.data[m][n][i] = 0;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      row_max.data[m][half] = lowest();
      row_sum.data[m][half] = 0;
    }
  }
}

/// scores = score(scores, row, key): scale, softcap, ALiBi as the kernel composed them.
template <int M, int N, class Score>
ATTUNE_DEVICE void modify(rt<float, M, N>& scores, int first_row, int first_key, const Score& score) {
  detail::each(scores, first_row, first_key, [&](float& s, int row, Key key) { s = score(s, row, key); });
}

/// Scores of hidden pairs become -inf, whatever they were: NaN in a hidden key ends here.
template <int M, int N, class Visible>
ATTUNE_DEVICE void mask(rt<float, M, N>& scores, int first_row, int first_key, const Visible& visible) {
  detail::each(scores, first_row, first_key,
               [&](float& s, int row, Key key) { s = visible(row, key) ? s : -infinity(); });
}

/// One tile: new maxima, weights 2^(scale_log2 score - maximum) in place of the scores, sums, and the factors that
/// bring what was accumulated under the old maxima to the new ones. Weights and sums are 2^Log2 times as large: where
/// weights become e4m3, whose least positive number is 2^-9, 2^8 makes small ones fit (FlashAttention-3, max_offset).
template <int Log2 = 0, int M, int N>
ATTUNE_DEVICE void step(rt<float, M, N>& scores, rv<M>& row_max, rv<M>& row_sum, rv<M>& rescale, float scale_log2) {
  if constexpr (Log2 != 0) // of 8-bit kernels; other scales are normal numbers
    scale_log2 = detail::positive(scale_log2);
  rv<M> highest;
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      highest.data[m][half] = scores.data[m][0][2 * half];
#pragma unroll
      for (int n = 0; n < N / 8; ++n)
        highest.data[m][half] =
            fmaxf(highest.data[m][half], fmaxf(scores.data[m][n][2 * half], scores.data[m][n][2 * half + 1]));
    }
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half)
      highest.data[m][half] = detail::quad_max(highest.data[m][half]);
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float maximum = fmaxf(row_max.data[m][half], highest.data[m][half] * scale_log2);
      rescale.data[m][half] = exp2(row_max.data[m][half] - maximum);
      row_max.data[m][half] = maximum;
      row_sum.data[m][half] *= rescale.data[m][half];
#pragma unroll
      for (int n = 0; n < N / 8; ++n)
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          scores.data[m][n][i] = exp2(fmaf(scores.data[m][n][i], scale_log2, Log2 == 0 ? -maximum : Log2 - maximum));
          row_sum.data[m][half] += scores.data[m][n][i];
        }
    }
}

namespace detail {
/// out *= factor, by rows; 0 where the factor is: whatever a row that saw nothing has met, NaN or infinity. (Where
/// there is no key at all, a bulk copy brings a row of anything.)
template <int M, int N>
ATTUNE_DEVICE void scale_or_clear(rt<float, M, N>& out, const rv<M>& factor) {
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int n = 0; n < N / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float f = factor.data[m][i / 2];
        out.data[m][n][i] = f == 0 ? 0.0f : out.data[m][n][i] * f;
      }
}
} // namespace detail

/// out = acc / sum and row_lse = ln of the denominator. A row that saw nothing: out = 0, row_lse = -inf.
template <int Log2 = 0, int M, int N>
ATTUNE_DEVICE void normalize(rt<float, M, N>& out, rv<M>& row_lse, const rv<M>& row_max, const rv<M>& row_sum) {
  rv<M> inverse;
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float sum = detail::quad_sum(row_sum.data[m][half]);
      inverse.data[m][half] = sum == 0 ? 0.0f : reciprocal(sum);
      row_lse.data[m][half] = (row_max.data[m][half] + (log2(sum) - Log2)) * ln2;
    }
  detail::scale_or_clear(out, inverse);
}

/// The same with one more logit per row, sink(row), that joins the sum and has no value.
template <int Log2 = 0, int M, int N, class Sink>
ATTUNE_DEVICE void normalize(rt<float, M, N>& out, rv<M>& row_lse, const rv<M>& row_max, const rv<M>& row_sum,
                             int first_row, const Sink& sink) {
  rv<M> factor;
#pragma unroll
  for (int m = 0; m < M / 16; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float logit = sink(first_row + warp::index() * M + m * 16 + half * 8 + warp::lane() / 4) * log2e;
      const float maximum = fmaxf(row_max.data[m][half], logit), weight = exp2(row_max.data[m][half] - maximum);
      const float sum = detail::quad_sum(row_sum.data[m][half]) * weight + exp2(logit - maximum + Log2);
      factor.data[m][half] = sum == 0 ? 0.0f : weight * reciprocal(sum);
      row_lse.data[m][half] = (maximum + (log2(sum) - Log2)) * ln2;
    }
  detail::scale_or_clear(out, factor);
}

/// The LSE of a block's rows that have seen no key: rows [first, first + Rows) below `limit`.
template <int Rows, class View>
ATTUNE_DEVICE void store_unseen(const View& lse, int first, int limit) {
  for (int row = first + threadIdx.x; row < min(first + Rows, limit); row += blockDim.x)
    *lse(row) = -infinity();
}

} // namespace attune::softmax
