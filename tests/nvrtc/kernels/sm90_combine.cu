// attention_combine: merges the chunks of O = softmax(mask(scale * Q K^T)) V
//   bf16, head dim 128, 28 query heads on 4 key/value heads
#include <attune/sm90.cuh>

using namespace attune;
using block = thread_block<4>;

extern "C" __global__ void __launch_bounds__(block::threads, 1)
    attention_combine(const gl<float, 128> o_partial, const gl<float, 1> lse_partial, const gl<bf16, 128> o,
                      const gl<float, 1> lse, const int sq, const int splits) {
  // one warp: one row of one head
  const int row = blockIdx.x * 4 + warp::index();
  const int head = blockIdx.y;
  const int batch = blockIdx.z;
  if (row >= sq)
    return;

  grid::wait_for_previous(); // the chunks are there

  // chunk by chunk, so that the bits depend on nothing else
  const auto partial = [=](int chunk) { return rows(o_partial, chunk * gridDim.z + batch, head)(row); };
  const auto partial_lse = [=](int chunk) { return rows(lse_partial, chunk * gridDim.z + batch, head)(row); };
  combine::row<128> out;
  const float row_lse = combine::fold(out, partial, partial_lse, splits);
  combine::store(rows(o, batch, head)(row), out);
  combine::store(rows(lse, batch, head)(row), row_lse);
}
