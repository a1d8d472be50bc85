// attention_forward: O = softmax(mask(scale * Q K^T)) V
//   fp8_e4m3, head dim 128, 28 query heads on 4 key/value heads
//   visible: key <= query + sk - sq
//   q_tile 128, kv_tile 128, 2 consumer warpgroups and a producer, 2 stages, overlap, ping-pong
#include <attune/arch/sm90/wgmma_128.cuh>
#include <attune/sm90.cuh>

using namespace attune;
using block = specialized_block<2>;

extern "C" __global__ void __launch_bounds__(block::threads, 1)
    attention_forward(const __grid_constant__ tensor_map<e4m3, 128> q_map,
                      const __grid_constant__ tensor_map<e4m3, 128> k_map,
                      const __grid_constant__ tensor_map<e4m3, 128> v_map, const gl<e4m3, 128> v,
                      const __grid_constant__ tensor_map<bf16, 128> o_map, const gl<bf16, 128> o,
                      const gl<float, 1> lse, const float* const q_descale, const float* const k_descale,
                      const float* const v_descale, const int sq, const int sk, const float scale) {
  auto& q_smem = shared::at<st<e4m3, 128, 128>>(0);
  auto& k_smem = shared::at<st<e4m3, 128, 128>[2]>(16384);
  auto& v_smem = shared::at<st<e4m3, 128, 128>[2]>(49152);
  auto& v_t_smem = shared::at<st<e4m3, 128, 128>[2]>(81920); // V^T: 8-bit products read along the keys
  auto& o_smem = shared::at<st<bf16, 128, 128>>(114688);
  auto& q_full = shared::at<mbarrier>(147456);
  auto& k_full = shared::at<mbarrier[2]>(147464);
  auto& k_empty = shared::at<mbarrier[2]>(147480);
  auto& v_landed = shared::at<mbarrier[2]>(147496); // V, before v_full: transposed
  auto& v_full = shared::at<mbarrier[2]>(147512);
  auto& v_empty = shared::at<mbarrier[2]>(147528);
  auto& v_nonfinite = shared::at<int>(147544); // whether V held NaN or infinity where the mask cuts: 0 times it is NaN

  // one block: 128 queries of one head; the longest rows go first
  const int q_begin = (gridDim.x - blockIdx.x - 1) * 128;
  const int head = blockIdx.y;
  const int batch = blockIdx.z;

  // key tiles [0, kv_end) have a visible pair, of [0, full_end) every pair is visible
  const int q_last = min(q_begin + 127, sq - 1);
  const int kv_end = ceildiv(q_last + sk - sq + 1, 128);
  const int full_end = max(floordiv(q_begin + sk - sq + 1, 128), 0);
  const auto visible = [=](int query, Key key) { return key <= query + sk - sq; };
  const int descale = batch * 4 + head / 7; // where the factors of this kv head are
  const float scale_log2 = scale * q_descale[descale] * k_descale[descale] * log2e;
  const int kv_last = max(kv_end - 1, 0); // visited first, even if nothing of it is visible
  Ring<2> ring;

  tma::prefetch(q_map, k_map, v_map, o_map);
  bar::init(q_full, 1);
  bar::init(k_full, 1);
  bar::init(k_empty, 8); // one arrival of each consumer warp
  bar::init(v_landed, 1);
  bar::init(v_full, 3); // one arrival of each warp that transposes
  bar::init(v_empty, 8);
  bar::init(v_nonfinite);
  bar::publish();
  block::sync();

  if (block::is_producer()) {
    warpgroup::decrease_registers<40>();
    const auto q_rows = rows(q_map, batch, head);
    const auto k_rows = rows(k_map, batch, head / 7);
    const auto v_rows = rows(v_map, batch, head / 7);
    if (warpgroup::is_issuer()) { // K is one tile ahead of V, the order in which they are used
      tma::load_async(k_smem[ring.slot()], k_rows, kv_last * 128, k_full[ring.slot()], l2::evict_last());
      tma::load_async(q_smem, q_rows, q_begin, q_full, l2::evict_first());
      for (int j = kv_last; j >= 0; --j) {
        if (j > 0) {
          bar::wait(k_empty[ring.slot(1)], ring.phase(1) ^ 1);
          tma::load_async(k_smem[ring.slot(1)], k_rows, (j - 1) * 128, k_full[ring.slot(1)], l2::evict_last());
        }
        bar::wait(v_full[ring.slot()], ring.phase() ^ 1); // what was here is transposed
        tma::load_async(v_smem[ring.slot()], v_rows, j * 128, v_landed[ring.slot()], l2::evict_last());
        ++ring;
      }
    }
    if (warpgroup::is_transposer()) {
      for (int j = kv_last; j >= full_end; --j) {
        bar::wait(v_landed[ring.slot()], ring.phase());
        bar::wait(v_empty[ring.slot()], ring.phase() ^ 1);
        warpgroup::transpose_finite(v_t_smem[ring.slot()], v_smem[ring.slot()], v_nonfinite);
        bar::arrive(v_full[ring.slot()]);
        ++ring;
      }
      for (int j = min(full_end, kv_last + 1) - 1; j >= 0; --j) {
        bar::wait(v_landed[ring.slot()], ring.phase());
        bar::wait(v_empty[ring.slot()], ring.phase() ^ 1);
        warpgroup::transpose(v_t_smem[ring.slot()], v_smem[ring.slot()]);
        bar::arrive(v_full[ring.slot()]);
        ++ring;
      }
    }
    return;
  }
  warpgroup::increase_registers<232>();

  rt<float, 16, 128> scores;
  rt<e4m3, 16, 128> probs;
  rt<float, 16, 128> out;
  rv<16> row_max, row_sum, rescale;
  softmax::reset(out, row_max, row_sum);

  bar::wait(q_full, 0);
  warpgroup::begin_turns<2>();

  // scores of the first tile
  warpgroup::take_turn<2>();
  bar::wait(k_full[ring.slot()], ring.phase());
  warpgroup::mm_ABt_async(scores, q_smem, k_smem[ring.slot()]);
  warpgroup::pass_turn<2>();
  warpgroup::wait<0>(scores);

  // P(j + 1) V(j + 1) accumulates during the softmax of S(j)
  for (int j = kv_last; j >= 0; --j) {
    bar::arrive(k_empty[ring.slot()]);
    if (j >= full_end) // the mask cuts this tile
      softmax::mask(scores, q_begin, j * 128, visible);
    softmax::step<8>(scores, row_max, row_sum, rescale, scale_log2);
    bar::wait(v_full[ring.slot()], ring.phase(), row_sum); // not before this softmax is done
    warpgroup::wait<0>(out);
    if (j < kv_last)
      bar::arrive(v_empty[ring.slot(-1)]);
    warp::mul_row(out, out, rescale);
    warp::convert(probs, scores);
    warpgroup::take_turn<2>();
    if (j > 0) {
      bar::wait(k_full[ring.slot(1)], ring.phase(1));
      warpgroup::mm_ABt_async(scores, q_smem, k_smem[ring.slot(1)]);
    }
    warpgroup::mma_ABt_async(out, probs, v_t_smem[ring.slot()]);
    warpgroup::pass_turn<2>();
    warpgroup::wait<1>(scores);
    ++ring;
  }

  warpgroup::wait<0>(out);

  rv<16> row_lse;
  softmax::normalize<8>(out, row_lse, row_max, row_sum);
  warp::mul(out, out, v_descale[descale]);
  warp::store(rows(lse, batch, head), row_lse, q_begin, sq);
  warpgroup::store(o_smem, out);
  warpgroup::store_async(rows(o_map, batch, head), o_smem, q_begin);
  const auto o_rows = rows(o, batch, head);

  // a NaN or infinity of V goes into the rows that do see it
  warpgroup::add_nonfinite(o_rows, v_nonfinite, rows(v, batch, head / 7), full_end * 128, min(kv_end * 128, sk),
                           q_begin, sq, visible);
  warpgroup::wait_for_store();
}
