// exp2_chains: x = 2^-x, over and over: eight chains per thread keep the special-function units busy
#include <attune/arch/sm80/math.cuh>

extern "C" __global__ void __launch_bounds__(256) exp2_chains(float* out, const int turns) {
  const int thread = blockIdx.x * 256 + threadIdx.x;
  float x[8];
#pragma unroll
  for (int i = 0; i < 8; ++i)
    x[i] = (thread % 32 + i) * 0.01f;
  for (int turn = 0; turn < turns; ++turn)
#pragma unroll
    for (int i = 0; i < 8; ++i)
      x[i] = attune::exp2(-x[i]);
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i)
    sum += x[i];
  out[thread] = sum;
}
