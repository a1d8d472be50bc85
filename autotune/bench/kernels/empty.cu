// empty: what it takes to start a kernel
extern "C" __global__ void empty() {}
