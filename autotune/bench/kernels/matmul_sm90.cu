// matmul, matmul_fp8: C = A B^T, bf16 or e4m3 in, fp32 out: what the tensor cores give a kernel that does nothing else
//   A (m, k), B (n, k), C (m, n); m a multiple of 128, n of 256, k of 64 (bf16) or 128 (e4m3)
//   tile 128 x 256, 4 stages of 128 bytes of a row, 2 consumer warpgroups and a producer, persistent
#include <attune/arch/sm90/wgmma_256.cuh>
#include <attune/sm90.cuh>

using namespace attune;
using block = specialized_block<2>;

// the maps count blocks of so many columns as heads, C those of 256
template <class T, int Columns>
ATTUNE_DEVICE void multiply(const tensor_map<T, Columns>& a_map, const tensor_map<T, Columns>& b_map,
                            const gl<float, 256>& c, const int m, const int n, const int k) {
  auto& a_smem = shared::at<st<T, 128, Columns>[4]>(0);
  auto& b_smem = shared::at<st<T, 256, Columns>[4]>(65536);
  auto& full = shared::at<mbarrier[4]>(196608);
  auto& empty = shared::at<mbarrier[4]>(196640);
  const auto slot = [](int step) { return step % 4; };
  const auto phase = [](int step) { return step / 4 % 2; };

  // bands of 16 tiles of rows: the tiles that run at once share rows and columns in the L2 cache
  const int m_tiles = m / 128, n_tiles = n / 256, steps = k / Columns;
  struct Place {
    int row, column;
  };
  const auto place = [=](int tile) -> Place {
    const int first_row = tile / (16 * n_tiles) * 16;
    const int rows = min(16, m_tiles - first_row), in_band = tile - first_row * n_tiles;
    return {first_row + in_band % rows, in_band / rows};
  };

  bar::init(full, 2); // one arrival of A, one of B
  bar::init(empty, 8);
  bar::publish();
  block::sync();

  if (block::is_producer()) {
    if (warpgroup::is_issuer()) {
      int step = 0;
      for (int tile = blockIdx.x; tile < m_tiles * n_tiles; tile += gridDim.x) {
        const auto [row, column] = place(tile);
        for (int i = 0; i < steps; ++i, ++step) {
          bar::wait(empty[slot(step)], phase(step) ^ 1);
          tma::load_async(a_smem[slot(step)], rows(a_map, 0, i), row * 128, full[slot(step)], l2::evict_last());
          tma::load_async(b_smem[slot(step)], rows(b_map, 0, i), column * 256, full[slot(step)], l2::evict_last());
        }
      }
    }
    return;
  }

  rt<float, 16, 256> out;
  int step = 0;
  for (int tile = blockIdx.x; tile < m_tiles * n_tiles; tile += gridDim.x) {
    const auto [row, column] = place(tile);
    bar::wait(full[slot(step)], phase(step));
    warpgroup::mm_ABt_async(out, a_smem[slot(step)], b_smem[slot(step)]);
    ++step;
    for (int i = 1; i < steps; ++i, ++step) {
      bar::wait(full[slot(step)], phase(step));
      warpgroup::mma_ABt_async(out, a_smem[slot(step)], b_smem[slot(step)]);
      warpgroup::wait<1>();
      bar::arrive(empty[slot(step - 1)]);
    }
    warpgroup::wait<0>(out);
    bar::arrive(empty[slot(step - 1)]);
    warp::store(rows(c, 0, column), out, row * 128, m);
  }
}

extern "C" __global__ void __launch_bounds__(block::threads, 1)
    matmul(const __grid_constant__ tensor_map<bf16, 64> a, const __grid_constant__ tensor_map<bf16, 64> b,
           const gl<float, 256> c, const int m, const int n, const int k) {
  multiply(a, b, c, m, n, k);
}

extern "C" __global__ void __launch_bounds__(block::threads, 1)
    matmul_fp8(const __grid_constant__ tensor_map<e4m3, 128> a, const __grid_constant__ tensor_map<e4m3, 128> b,
               const gl<float, 256> c, const int m, const int n, const int k) {
  multiply(a, b, c, m, n, k);
}
