// matmul: C = A B^T, bf16 in, fp32 out: what mma.sync gives a kernel that does nothing else
//   A (m, k), B (n, k), C (m, n); m a multiple of 256, n of 128, k of 64
//   tile 256 x 128 by eight warps of 32 rows, 2 stages of 64 columns
#include <attune/tile.cuh>

using namespace attune;
using block = thread_block<8>;

// A and B count blocks of 64 columns as heads, C those of 128
extern "C" __global__ void __launch_bounds__(block::threads, 1)
    matmul(const gl<bf16, 64> a, const gl<bf16, 64> b, const gl<float, 128> c, const int m, const int n, const int k) {
  auto& a_smem = shared::at<st<bf16, 256, 64>[2]>(0);
  auto& b_smem = shared::at<st<bf16, 128, 64>[2]>(65536);
  const int m_tiles = m / 256;
  const int row = blockIdx.x % m_tiles * 256, column = blockIdx.x / m_tiles;
  const auto load = [&](int step) {
    block::load_async(a_smem[step % 2], rows(a, 0, step), row);
    block::load_async(b_smem[step % 2], rows(b, 0, step), column * 128);
    cp_async::commit();
  };

  rt<float, 32, 128> out;
  load(0);
  cp_async::wait<0>();
  block::sync();
  if (k > 64)
    load(1);
  warp::mm_ABt(out, a_smem[0], b_smem[0]);
  for (int step = 1; step < k / 64; ++step) {
    cp_async::wait<0>();
    block::sync();
    if (step + 1 < k / 64)
      load(step + 1);
    warp::mma_ABt(out, a_smem[step % 2], b_smem[step % 2]);
  }
  warp::store(rows(c, 0, column), out, row, m);
}
