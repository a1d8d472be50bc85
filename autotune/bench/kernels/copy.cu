// copy: 16 bytes per thread and turn, four turns in flight
extern "C" __global__ void __launch_bounds__(256)
    copy(int4* __restrict__ to, const int4* __restrict__ from, const long long chunks) {
  const long long first = blockIdx.x * 1024ll + threadIdx.x;
  int4 moved[4];
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (first + i * 256 < chunks)
      moved[i] = from[first + i * 256];
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (first + i * 256 < chunks)
      to[first + i * 256] = moved[i];
}
