// attention_forward: O = softmax(mask(scale * Q K^T)) V
//   bf16, head dim 128, 28 query heads on 4 key/value heads, softcap 50, ALiBi, sink
//   visible: key <= query + sk - sq
//   q_tile 128, kv_tile 64, 8 warps, 1 stage
#include <attune/tile.cuh>

using namespace attune;
using block = thread_block<8>;

extern "C" __global__ void __launch_bounds__(block::threads, 1)
    attention_forward(const gl<bf16, 128> q, const gl<bf16, 128> k, const gl<bf16, 128> v, const gl<bf16, 128> o,
                      const gl<float, 1> lse, const float* const alibi_slopes, const float* const sink, const int sq,
                      const int sk, const float scale) {
  auto& q_smem = shared::at<st<bf16, 128, 128>>(0);
  auto& k_smem = shared::at<st<bf16, 64, 128>>(32768);
  auto& v_smem = shared::at<st<bf16, 64, 128>>(49152);
  auto& o_smem = shared::at<st<bf16, 128, 128>>(0); // q_smem is dead by then

  // one block: 128 queries of one head; the longest rows go first
  const int q_begin = (gridDim.x - blockIdx.x - 1) * 128;
  const int head = blockIdx.y;
  const int batch = blockIdx.z;
  const auto q_rows = rows(q, batch, head);
  const auto k_rows = rows(k, batch, head / 7);
  const auto v_rows = rows(v, batch, head / 7);

  // key tiles [0, kv_end) have a visible pair, of [0, full_end) every pair is visible
  const int q_last = min(q_begin + 127, sq - 1);
  const int kv_end = ceildiv(q_last + sk - sq + 1, 64);
  const int full_end = max(floordiv(q_begin + sk - sq + 1, 64), 0);
  const auto visible = [=](int query, Key key) { return key <= query + sk - sq; };
  const float slope = alibi_slopes[head];
  const auto score = [=](float s, int query, Key key) {
    return softcap(s * scale, 50.0f) - slope * distance(query + sk - sq, key);
  };

  rt<float, 16, 64> scores;
  rt<bf16, 16, 64> probs;
  rt<float, 16, 128> out;
  rv<16> row_max, row_sum, rescale;
  bool v_nonfinite = false; // whether V held NaN or infinity where the mask cuts: 0 times it is NaN
  softmax::reset(out, row_max, row_sum);

  block::load_async(q_smem, q_rows, q_begin, sq);
  if (kv_end > 0)
    block::load_async(k_smem, k_rows, (kv_end - 1) * 64, sk);
  cp_async::commit();

  // tiles that the mask cuts
  for (int j = kv_end - 1; j >= full_end; --j) {
    cp_async::wait<0>(); // K(j) is there, V(j + 1) is used up
    block::sync();
    block::load_async(v_smem, v_rows, j * 64, sk);
    cp_async::commit();
    warp::mm_ABt_rolled(scores, q_smem, k_smem);
    cp_async::wait<0>(); // V(j) is there, K(j) is used up
    block::make_finite(v_smem, v_nonfinite);
    block::sync();
    if (j > 0)
      block::load_async(k_smem, k_rows, (j - 1) * 64);
    cp_async::commit();
    softmax::modify(scores, q_begin, j * 64, score);
    softmax::mask(scores, q_begin, j * 64, visible);
    softmax::step(scores, row_max, row_sum, rescale, log2e);
    warp::mul_row(out, out, rescale);
    warp::convert(probs, scores);
    warp::mma_AB(out, probs, v_smem);
  }

  // tiles where every pair is visible
  for (int j = full_end - 1; j >= 0; --j) {
    cp_async::wait<0>();
    block::sync();
    block::load_async(v_smem, v_rows, j * 64);
    cp_async::commit();
    warp::mm_ABt(scores, q_smem, k_smem);
    cp_async::wait<0>();
    block::sync();
    if (j > 0)
      block::load_async(k_smem, k_rows, (j - 1) * 64);
    cp_async::commit();
    softmax::modify(scores, q_begin, j * 64, score);
    softmax::step(scores, row_max, row_sum, rescale, log2e);
    warp::mul_row(out, out, rescale);
    warp::convert(probs, scores);
    warp::mma_AB(out, probs, v_smem);
  }

  const auto row_sink = [=](int row) { return sink[head]; };
  rv<16> row_lse;
  softmax::normalize(out, row_lse, row_max, row_sum, q_begin, row_sink);
  warp::store(rows(lse, batch, head), row_lse, q_begin, sq);
  cp_async::wait<0>();
  block::sync(); // every warp is done with Q, K and V
  warp::store(o_smem, out);
  block::sync();
  const auto o_rows = rows(o, batch, head);
  block::store(o_rows, o_smem, q_begin, sq);

  // a NaN or infinity of V goes into the rows that do see it
  block::add_nonfinite(o_rows, v_nonfinite, v_rows, full_end * 64, min(kv_end * 64, sk), q_begin,
                       min(q_begin + 128, sq), visible);
}
