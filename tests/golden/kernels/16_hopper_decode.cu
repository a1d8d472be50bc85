// attention_partial: O = softmax(mask(scale * Q K^T)) V over one chunk of the keys
//   bf16, head dim 128, 28 query heads on 4 key/value heads
//   visible: key <= query + sk - sq
//   q_tile 64, kv_tile 64, 1 consumer warpgroup and a producer, 6 stages, overlap, packed GQA
#include <attune/arch/sm90/wgmma_64.cuh>
#include <attune/arch/sm90/wgmma_128.cuh>
#include <attune/sm90.cuh>

using namespace attune;
using block = specialized_block<1>;

extern "C" __global__ void __launch_bounds__(block::threads, 1)
    attention_partial(const gl<bf16, 128> q, const __grid_constant__ tensor_map<bf16, 128> k_map,
                      const __grid_constant__ tensor_map<bf16, 128> v_map, const gl<bf16, 128> v,
                      const gl<float, 128> o_partial, const gl<float, 1> lse_partial, const int sq, const int sk,
                      const float scale, const int splits, const int split_tiles) {
  auto& q_smem = shared::at<st<bf16, 64, 128>>(196608);
  auto& k_smem = shared::at<st<bf16, 64, 128>[6]>(0);
  auto& v_smem = shared::at<st<bf16, 64, 128>[6]>(98304);
  auto& k_full = shared::at<mbarrier[6]>(212992);
  auto& k_empty = shared::at<mbarrier[6]>(213040);
  auto& v_landed = shared::at<mbarrier[6]>(213088); // V of a tile that the mask cuts, before v_full
  auto& v_full = shared::at<mbarrier[6]>(213136);
  auto& v_empty = shared::at<mbarrier[6]>(213184);
  auto& v_nonfinite = shared::at<int>(213232); // whether V held NaN or infinity where the mask cuts: 0 times it is NaN

  // one block: 64 rows, (query, head of the group) pairs of one kv head, one chunk of their keys
  const int chunk = blockIdx.x % splits;
  const int q_tile = blockIdx.x / splits;
  const int row_begin = q_tile * 64;
  const int kv_head = blockIdx.y;
  const int batch = blockIdx.z;
  const auto q_rows = packed_rows<7>(q, batch, kv_head);

  // key tiles [chunk_begin, chunk_end) have a visible pair, of [chunk_begin, chunk_full_end) every pair is visible
  const int q_first = row_begin / 7;
  const int q_last = min(row_begin / 7 + 9, sq - 1);
  const int kv_end = ceildiv(q_last + sk - sq + 1, 64);
  const int full_end = max(floordiv(q_first + sk - sq + 1, 64), 0);
  const int chunk_begin = chunk * split_tiles;
  const int chunk_end = min(chunk_begin + split_tiles, kv_end);
  const int chunk_full_end = max(min(full_end, chunk_end), chunk_begin);
  const auto visible = [=](int row, Key key) { return key <= row / 7 + sk - sq; };
  const float scale_log2 = scale * log2e;

  // an empty chunk weighs nothing: its LSE is -inf, its O is never read
  if (chunk_begin >= chunk_end) {
    softmax::store_unseen<64>(packed_rows<7>(lse_partial, chunk * gridDim.z + batch, kv_head), row_begin, sq * 7);
    return;
  }
  const int kv_last = chunk_end - 1;
  Ring<6> ring, cut_ring;

  tma::prefetch(k_map, v_map);
  bar::init(k_full, 1);
  bar::init(k_empty, 4); // one arrival of each consumer warp
  bar::init(v_landed, 1);
  bar::init(v_full, 1);
  bar::init(v_empty, 4);
  bar::init(v_nonfinite);
  bar::publish();
  block::sync();
  grid::start_next(); // the combine kernel; it waits for this one's results

  if (block::is_producer()) {
    const auto k_rows = rows(k_map, batch, kv_head);
    const auto v_rows = rows(v_map, batch, kv_head);
    if (warpgroup::is_issuer()) { // K is one tile ahead of V, the order in which they are used
      tma::load_async(k_smem[ring.slot()], k_rows, kv_last * 64, k_full[ring.slot()], l2::evict_first());
      for (int j = kv_last; j >= chunk_begin; --j) {
        if (j > chunk_begin) {
          bar::wait(k_empty[ring.slot(1)], ring.phase(1) ^ 1);
          tma::load_async(k_smem[ring.slot(1)], k_rows, (j - 1) * 64, k_full[ring.slot(1)], l2::evict_first());
        }
        bar::wait(v_empty[ring.slot()], ring.phase() ^ 1);
        tma::load_async(v_smem[ring.slot()], v_rows, j * 64,
                        j >= chunk_full_end ? v_landed[cut_ring.slot()] : v_full[ring.slot()], l2::evict_first());
        if (j >= chunk_full_end)
          ++cut_ring;
        ++ring;
      }
    }
    if (warpgroup::is_checker()) { // a hidden key weighs 0, but 0 times NaN is NaN
      for (int j = kv_last; j >= chunk_begin; --j) {
        if (j >= chunk_full_end) {
          bar::wait(v_landed[cut_ring.slot()], cut_ring.phase());
          warp::make_finite(v_smem[ring.slot()], v_nonfinite);
          bar::arrive(v_full[ring.slot()]);
          ++cut_ring;
        }
        ++ring;
      }
    }
    return;
  }

  rt<float, 16, 64> scores;
  rt<bf16, 16, 64> probs;
  rt<float, 16, 128> out;
  rv<16> row_max, row_sum, rescale;
  softmax::reset(out, row_max, row_sum);

  warpgroup::load(q_smem, q_rows, row_begin, sq * 7);

  // scores of the first tile
  bar::wait(k_full[ring.slot()], ring.phase());
  warpgroup::mm_ABt_async(scores, q_smem, k_smem[ring.slot()]);
  warpgroup::wait<0>(scores);

  // P(j + 1) V(j + 1) accumulates during the softmax of S(j)
  for (int j = kv_last; j >= chunk_begin; --j) {
    bar::arrive(k_empty[ring.slot()]);
    if (j >= chunk_full_end) // the mask cuts this tile
      softmax::mask(scores, row_begin, j * 64, visible);
    softmax::step(scores, row_max, row_sum, rescale, scale_log2);
    bar::wait(v_full[ring.slot()], ring.phase(), row_sum); // not before this softmax is done
    warpgroup::wait<0>(out);
    if (j < kv_last)
      bar::arrive(v_empty[ring.slot(-1)]);
    warp::mul_row(out, out, rescale);
    warp::convert(probs, scores);
    if (j > chunk_begin) {
      bar::wait(k_full[ring.slot(1)], ring.phase(1));
      warpgroup::mm_ABt_async(scores, q_smem, k_smem[ring.slot(1)]);
    }
    warpgroup::mma_AB_async(out, probs, v_smem[ring.slot()]);
    warpgroup::wait<1>(scores);
    ++ring;
  }

  warpgroup::wait<0>(out);

  rv<16> row_lse;
  softmax::normalize(out, row_lse, row_max, row_sum);
  warp::store(packed_rows<7>(lse_partial, chunk * gridDim.z + batch, kv_head), row_lse, row_begin, sq * 7);
  const auto o_rows = packed_rows<7>(o_partial, chunk * gridDim.z + batch, kv_head);
  warp::store(o_rows, out, row_begin, sq * 7);

  // a NaN or infinity of V goes into the rows that do see it
  warpgroup::add_nonfinite(o_rows, v_nonfinite, rows(v, batch, kv_head), chunk_full_end * 64, min(chunk_end * 64, sk),
                           row_begin, sq * 7, visible);
}

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
