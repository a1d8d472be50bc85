// Merges the partial results of the chunks of one row (FlashAttention's split-KV combine): O = sum_i w_i O_i / sum_i
// w_i with w_i = exp(lse_i - max lse). A chunk that saw nothing has LSE -inf and an O that was never written.
#pragma once
#include <attune/arch/sm80/math.cuh>
#include <attune/tile/tiles.cuh>
#include <attune/tile/warp.cuh>

namespace attune::combine {

/// A row of Cols fp32 spread over a warp, two neighbours per lane: data[i] are columns 64 i + 2 lane and the next.
template <int Cols>
struct row {
  float2 data[(Cols + 63) / 64];
};

/// The merged row and its LSE. `partial(i)` and `lse(i)` point at the row's result in chunk i. Chunks are added in
/// order, so the bits depend on nothing else.
template <int Cols, class Partial, class Lse>
ATTUNE_DEVICE float fold(row<Cols>& out, const Partial& partial, const Lse& lse, int splits) {
  float maximum = -infinity();
  bool seen = false; // not by maximum, which no NaN changes
  for (int i = 0; i < splits; ++i) {
    maximum = fmaxf(maximum, *lse(i));
    seen |= *lse(i) != -infinity();
  }
  float sum = 0;
  out = {};
  if (!seen)
    return maximum;
  for (int i = 0; i < splits; ++i) {
    const float chunk_lse = *lse(i);
    if (chunk_lse == -infinity())
      continue;
    const float weight = exp2((chunk_lse - maximum) * log2e);
    sum += weight;
    const float* const from = partial(i);
#pragma unroll
    for (int n = 0; n < (Cols + 63) / 64; ++n) {
      const int column = n * 64 + warp::lane() * 2;
      if (column < Cols) {
        const float2 add = *reinterpret_cast<const float2*>(from + column);
        out.data[n].x += weight * add.x;
        out.data[n].y += weight * add.y;
      }
    }
  }
#pragma unroll
  for (int n = 0; n < (Cols + 63) / 64; ++n) {
    out.data[n].x /= sum;
    out.data[n].y /= sum;
  }
  return maximum + log2(sum) * ln2;
}

/// The sink joins the denominator: O shrinks by exp(lse - lse'), lse' = log(exp(lse) + exp(sink)).
template <int Cols>
ATTUNE_DEVICE float add_sink(row<Cols>& out, float lse, float sink) {
  const float maximum = fmaxf(lse, sink);
  if (lse == -infinity() && sink == -infinity()) // nothing seen, and a sink that is switched off: out is 0
    return maximum;
  const float weight = exp2((lse - maximum) * log2e);
  const float sum = weight + exp2((sink - maximum) * log2e);
#pragma unroll
  for (int n = 0; n < (Cols + 63) / 64; ++n) {
    out.data[n].x *= weight / sum;
    out.data[n].y *= weight / sum;
  }
  return maximum + log2(sum) * ln2;
}

template <class T, int Cols>
ATTUNE_DEVICE void store(T* to, const row<Cols>& out) {
#pragma unroll
  for (int n = 0; n < (Cols + 63) / 64; ++n) {
    const int column = n * 64 + warp::lane() * 2;
    if (column < Cols)
      *reinterpret_cast<unsigned*>(to + column) = pack(out.data[n].x, out.data[n].y, T());
  }
}

/// A value that all lanes hold.
ATTUNE_DEVICE void store(float* to, float value) {
  if (warp::lane() == 0)
    *to = value;
}

} // namespace attune::combine
