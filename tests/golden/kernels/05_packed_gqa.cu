// attention_forward: O = softmax(mask(scale * Q K^T)) V
//   bf16, head dim 128, 28 query heads on 4 key/value heads
//   visible: key <= query + sk - sq
//   q_tile 64, kv_tile 64, 4 warps, 1 stage, packed GQA
#include <attune/tile.cuh>

using namespace attune;
using block = thread_block<4>;

extern "C" __global__ void __launch_bounds__(block::threads, 1)
    attention_forward(const gl<bf16, 128> q, const gl<bf16, 128> k, const gl<bf16, 128> v, const gl<bf16, 128> o,
                      const gl<float, 1> lse, const int sq, const int sk, const float scale) {
  auto& q_smem = shared::at<st<bf16, 64, 128>>(0);
  auto& k_smem = shared::at<st<bf16, 64, 128>>(16384);
  auto& v_smem = shared::at<st<bf16, 64, 128>>(32768);
  auto& o_smem = shared::at<st<bf16, 64, 128>>(0); // q_smem is dead by then

  // one block: 64 rows, (query, head of the group) pairs of one kv head; the longest rows go first
  const int row_begin = (gridDim.x - blockIdx.x - 1) * 64;
  const int kv_head = blockIdx.y;
  const int batch = blockIdx.z;
  const auto q_rows = packed_rows<7>(q, batch, kv_head);
  const auto k_rows = rows(k, batch, kv_head);
  const auto v_rows = rows(v, batch, kv_head);

  // key tiles [0, kv_end) have a visible pair, of [0, full_end) every pair is visible
  const int q_first = floordiv(row_begin, 7);
  const int q_last = min(floordiv(row_begin, 7) + 9, sq - 1);
  const int kv_end = ceildiv(q_last + sk - sq + 1, 64);
  const int full_end = max(floordiv(q_first + sk - sq + 1, 64), 0);
  const auto visible = [=](int row, Key key) { return key <= row / 7 + sk - sq; };
  const float scale_log2 = scale * log2e;

  rt<float, 16, 64> scores;
  rt<bf16, 16, 64> probs;
  rt<float, 16, 128> out;
  rv<16> row_max, row_sum, rescale;
  bool v_nonfinite = false; // whether V held NaN or infinity where the mask cuts: 0 times it is NaN
  softmax::reset(out, row_max, row_sum);

  block::load_async(q_smem, q_rows, row_begin, sq * 7);
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
    softmax::mask(scores, row_begin, j * 64, visible);
    softmax::step(scores, row_max, row_sum, rescale, scale_log2);
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
    softmax::step(scores, row_max, row_sum, rescale, scale_log2);
    warp::mul_row(out, out, rescale);
    warp::convert(probs, scores);
    warp::mma_AB(out, probs, v_smem);
  }

  rv<16> row_lse;
  softmax::normalize(out, row_lse, row_max, row_sum);
  warp::store(packed_rows<7>(lse, batch, kv_head), row_lse, row_begin, sq * 7);
  cp_async::wait<0>();
  block::sync(); // every warp is done with Q, K and V
  warp::store(o_smem, out);
  block::sync();
  const auto o_rows = packed_rows<7>(o, batch, kv_head);
  block::store(o_rows, o_smem, row_begin, sq * 7);

  // a NaN or infinity of V goes into the rows that do see it
  block::add_nonfinite(o_rows, v_nonfinite, v_rows, full_end * 64, min(kv_end * 64, sk), row_begin,
                       min(row_begin + 64, sq * 7), visible);
}
