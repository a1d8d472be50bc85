// attention_partial: O = softmax(mask(scale * Q K^T)) V over one chunk of the keys
//   bf16, head dim 128, 28 query heads on 4 key/value heads
//   visible: key <= query + sk - sq
//   q_tile 16, kv_tile 64, 1 warp, 2 stages, packed GQA
#include <attune/tile.cuh>

using namespace attune;
using block = thread_block<1>;

extern "C" __global__ void __launch_bounds__(block::threads, 1)
    attention_partial(const gl<bf16, 128> q, const gl<bf16, 128> k, const gl<bf16, 128> v,
                      const gl<float, 128> o_partial, const gl<float, 1> lse_partial, const int sq, const int sk,
                      const float scale, const int splits, const int split_tiles) {
  auto& q_smem = shared::at<st<bf16, 16, 128>>(0);
  auto& k_smem = shared::at<st<bf16, 64, 128>[2]>(4096);
  auto& v_smem = shared::at<st<bf16, 64, 128>[2]>(36864);

  // one block: 16 rows, (query, head of the group) pairs of one kv head, one chunk of their keys
  const int chunk = blockIdx.x % splits;
  const int q_tile = blockIdx.x / splits;
  const int row_begin = q_tile * 16;
  const int kv_head = blockIdx.y;
  const int batch = blockIdx.z;
  const auto q_rows = packed_rows<7>(q, batch, kv_head);
  const auto k_rows = rows(k, batch, kv_head);
  const auto v_rows = rows(v, batch, kv_head);

  // key tiles [chunk_begin, chunk_end) have a visible pair, of [chunk_begin, chunk_full_end) every pair is visible
  const int q_first = row_begin / 7;
  const int q_last = min((row_begin + 15) / 7, sq - 1);
  const int kv_end = ceildiv(q_last + sk - sq + 1, 64);
  const int full_end = max(floordiv(q_first + sk - sq + 1, 64), 0);
  const int chunk_begin = chunk * split_tiles;
  const int chunk_end = min(chunk_begin + split_tiles, kv_end);
  const int chunk_full_end = max(min(full_end, chunk_end), chunk_begin);
  const auto visible = [=](int row, Key key) { return key <= row / 7 + sk - sq; };
  const float scale_log2 = scale * log2e;

  // an empty chunk weighs nothing: its LSE is -inf, its O is never read
  if (chunk_begin >= chunk_end) {
    softmax::store_unseen<16>(packed_rows<7>(lse_partial, chunk * gridDim.z + batch, kv_head), row_begin, sq * 7);
    return;
  }

  rt<float, 16, 64> scores;
  rt<bf16, 16, 64> probs;
  rt<float, 16, 128> out;
  rv<16> row_max, row_sum, rescale;
  bool v_nonfinite = false; // whether V held NaN or infinity where the mask cuts: 0 times it is NaN
  softmax::reset(out, row_max, row_sum);

  Ring<2> ring;
  block::load_async(q_smem, q_rows, row_begin, sq * 7);
  block::load_async(k_smem[ring.slot()], k_rows, (chunk_end - 1) * 64, sk);
  cp_async::commit();
  block::load_async(v_smem[ring.slot()], v_rows, (chunk_end - 1) * 64, sk);
  cp_async::commit();
  if (chunk_end >= chunk_begin + 2)
    block::load_async(k_smem[ring.slot(1)], k_rows, (chunk_end - 2) * 64);
  cp_async::commit();

  // tiles that the mask cuts
  for (int j = chunk_end - 1; j >= chunk_full_end; --j) {
    cp_async::wait<2>(); // K(j) is there, V(j + 1) is used up
    block::sync();
    if (j > chunk_begin)
      block::load_async(v_smem[ring.slot(1)], v_rows, (j - 1) * 64);
    cp_async::commit();
    warp::mm_ABt_rolled(scores, q_smem, k_smem[ring.slot()]);
    cp_async::wait<2>(); // V(j) is there, K(j) is used up
    block::make_finite(v_smem[ring.slot()], v_nonfinite);
    block::sync();
    if (j >= chunk_begin + 2)
      block::load_async(k_smem[ring.slot(2)], k_rows, (j - 2) * 64);
    cp_async::commit();
    softmax::mask(scores, row_begin, j * 64, visible);
    softmax::step(scores, row_max, row_sum, rescale, scale_log2);
    warp::mul_row(out, out, rescale);
    warp::convert(probs, scores);
    warp::mma_AB(out, probs, v_smem[ring.slot()]);
    ++ring;
  }

  // tiles where every pair is visible
  for (int j = chunk_full_end - 1; j >= chunk_begin; --j) {
    cp_async::wait<2>();
    block::sync();
    if (j > chunk_begin)
      block::load_async(v_smem[ring.slot(1)], v_rows, (j - 1) * 64);
    cp_async::commit();
    warp::mm_ABt(scores, q_smem, k_smem[ring.slot()]);
    cp_async::wait<2>();
    block::sync();
    if (j >= chunk_begin + 2)
      block::load_async(k_smem[ring.slot(2)], k_rows, (j - 2) * 64);
    cp_async::commit();
    softmax::step(scores, row_max, row_sum, rescale, scale_log2);
    warp::mul_row(out, out, rescale);
    warp::convert(probs, scores);
    warp::mma_AB(out, probs, v_smem[ring.slot()]);
    ++ring;
  }
  cp_async::wait<0>();

  rv<16> row_lse;
  softmax::normalize(out, row_lse, row_max, row_sum);
  warp::store(packed_rows<7>(lse_partial, chunk * gridDim.z + batch, kv_head), row_lse, row_begin, sq * 7);
  const auto o_rows = packed_rows<7>(o_partial, chunk * gridDim.z + batch, kv_head);
  warp::store(o_rows, out, row_begin, sq * 7);

  // a NaN or infinity of V goes into the rows that do see it
  block::add_nonfinite(o_rows, v_nonfinite, v_rows, chunk_full_end * 64, min(chunk_end * 64, sk), row_begin,
                       min(row_begin + 16, sq * 7), visible);
}

// attention_combine: merges the chunks of O = softmax(mask(scale * Q K^T)) V
//   bf16, head dim 128, 28 query heads on 4 key/value heads
#include <attune/tile.cuh>

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

  // chunk by chunk, so that the bits depend on nothing else
  const auto partial = [=](int chunk) { return rows(o_partial, chunk * gridDim.z + batch, head)(row); };
  const auto partial_lse = [=](int chunk) { return rows(lse_partial, chunk * gridDim.z + batch, head)(row); };
  combine::row<128> out;
  const float row_lse = combine::fold(out, partial, partial_lse, splits);
  combine::store(rows(o, batch, head)(row), out);
  combine::store(rows(lse, batch, head)(row), row_lse);
}
