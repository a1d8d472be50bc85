#include "tests/unit/runtime/fakes/FakeCuda.h"

#include <algorithm>
#include <cstring>

namespace attune::fake {

namespace {

std::unique_ptr<State> current_state = std::make_unique<State>();
thread_local std::vector<cuda::Context> contexts; ///< the stack of this thread
thread_local int capture_mode = 0;                ///< of this thread: global

constexpr cuda::Result invalid_value = 1, invalid_context = 201, not_found = 500, invalid_handle = 400;
constexpr int limit = 227 << 10; // opt-in shared memory of a block

/// Context n is the primary one of GPU n.
cuda::Context contextOf(int gpu) { return reinterpret_cast<cuda::Context>(static_cast<std::uintptr_t>(gpu + 1)); }
int gpuOf(cuda::Context context) { return static_cast<int>(reinterpret_cast<std::uintptr_t>(context)) - 1; }

/// Handles are the addresses of names: enough to tell them apart and to notice a null.
template <class Handle>
Handle handle(const void* object) {
  return reinterpret_cast<Handle>(const_cast<void*>(object));
}

bool contextIsCurrent() {
  return !contexts.empty() && state().gpus.at(static_cast<std::size_t>(gpuOf(contexts.back()))).retained > 0;
}

/// For what may synchronise or otherwise get between a capture and its stream. Called with the lock held.
bool forbiddenByCapture() {
  auto& capture = state().capture;
  if (!capture)
    return false;
  const bool mine = capture->thread == std::this_thread::get_id();
  const bool forbidden = (capture_mode == 0 && ((mine && capture->mode != 2) || (!mine && capture->mode == 0))) ||
                         (capture_mode == 1 && mine && capture->mode != 2);
  capture->ruined = capture->ruined || forbidden;
  return forbidden;
}

struct Kept {
  int dummy = 0;
};
template <class Handle>
void make(Handle* out) {
  *out = handle<Handle>(new Kept);
  ++state().live;
}
template <class Handle>
cuda::Result destroy(Handle which) {
  if (which == nullptr)
    return invalid_handle;
  delete reinterpret_cast<Kept*>(which);
  --state().live;
  return cuda::Success;
}

} // namespace

State& state() { return *current_state; }
void reset() {
  current_state = std::make_unique<State>();
  contexts.clear();
}
std::size_t State::count(const std::string& entry_point) const {
  return static_cast<std::size_t>(std::ranges::count(calls, entry_point));
}

} // namespace attune::fake

using namespace attune::cuda;
using namespace attune::fake;

/// What copies from pageable memory have staged arrives: they return before that (CUDA, "API synchronization
/// behavior").
void deliver() {
  for (const Staged& copy : state().staged)
    std::memcpy(reinterpret_cast<void*>(copy.to), copy.bytes.data(), copy.bytes.size());
  state().staged.clear();
}

// Every entry point writes its name down, and fails if it is told to.
#define ENTRY(name)                                                                                                    \
  const std::scoped_lock lock(state().mutex);                                                                          \
  state().calls.emplace_back(#name);                                                                                   \
  if (const auto failure = state().failures.find(#name); failure != state().failures.end())                            \
    return failure->second;
#define NOT_IN_CAPTURE                                                                                                 \
  if (forbiddenByCapture())                                                                                            \
    return 900;
#define ENTRY_WITH_CONTEXT(name)                                                                                       \
  ENTRY(name)                                                                                                          \
  if (!contextIsCurrent())                                                                                             \
    return invalid_context;

extern "C" {

Result cuDriverGetVersion(int* version) {
  *version = state().version;
  return Success;
}
Result cuGetErrorName(Result result, const char** name) {
  *name = result == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : result == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : nullptr;
  return *name ? Success : invalid_value;
}
Result cuGetErrorString(Result result, const char** text) {
  *text = result == 2 ? "out of memory" : nullptr;
  return *text ? Success : invalid_value;
}
Result cuInit(unsigned flags) {
  ENTRY(cuInit)
  return flags == 0 ? Success : invalid_value;
}
Result cuDeviceGetCount(int* count) {
  ENTRY(cuDeviceGetCount)
  *count = static_cast<int>(state().gpus.size());
  return Success;
}
Result cuDeviceGet(DeviceOrdinal* device, int ordinal) {
  ENTRY(cuDeviceGet)
  *device = ordinal;
  return ordinal < static_cast<int>(state().gpus.size()) ? Success : 101;
}
Result cuDeviceGetName(char* name, int size, DeviceOrdinal device) {
  ENTRY(cuDeviceGetName)
  std::strncpy(name, state().gpus.at(static_cast<std::size_t>(device)).name.c_str(), static_cast<std::size_t>(size));
  return Success;
}
Result cuDeviceGetAttribute(int* value, DeviceAttribute which, DeviceOrdinal device) {
  ENTRY(cuDeviceGetAttribute)
  const Gpu& gpu = state().gpus.at(static_cast<std::size_t>(device));
  const std::map<DeviceAttribute, int> values = {{MultiprocessorCount, 132},
                                                 {L2CacheSize, 50 << 20},
                                                 {MaxThreadsPerMultiprocessor, 2048},
                                                 {ComputeCapabilityMajor, gpu.major},
                                                 {ComputeCapabilityMinor, gpu.minor},
                                                 {MaxSharedMemoryPerMultiprocessor, 228 << 10},
                                                 {MaxRegistersPerMultiprocessor, 65536},
                                                 {MaxSharedMemoryPerBlockOptin, limit}};
  *value = values.at(which);
  return Success;
}
Result cuDeviceTotalMem_v2(std::size_t* bytes, DeviceOrdinal) {
  ENTRY(cuDeviceTotalMem_v2)
  *bytes = std::size_t{139} << 30;
  return Success;
}
Result cuDevicePrimaryCtxRetain(Context* context, DeviceOrdinal device) {
  ENTRY(cuDevicePrimaryCtxRetain)
  *context = contextOf(device);
  ++state().gpus.at(static_cast<std::size_t>(device)).retained;
  return Success;
}
Result cuDevicePrimaryCtxRelease_v2(DeviceOrdinal device) {
  ENTRY(cuDevicePrimaryCtxRelease_v2)
  --state().gpus.at(static_cast<std::size_t>(device)).retained;
  return Success;
}
Result cuCtxPushCurrent_v2(Context context) {
  ENTRY(cuCtxPushCurrent_v2)
  contexts.push_back(context);
  ++state().pushed;
  return Success;
}
Result cuCtxPopCurrent_v2(Context* context) {
  ENTRY_WITH_CONTEXT(cuCtxPopCurrent_v2)
  *context = contexts.back();
  contexts.pop_back();
  --state().pushed;
  return Success;
}
Result cuCtxSynchronize() {
  ENTRY_WITH_CONTEXT(cuCtxSynchronize)
  NOT_IN_CAPTURE
  deliver();
  return Success;
}
Result cuStreamSynchronize(Stream stream) {
  ENTRY_WITH_CONTEXT(cuStreamSynchronize)
  NOT_IN_CAPTURE
  if (stream == nullptr)
    deliver();
  return Success;
}
Result cuMemAlloc_v2(std::uint64_t* pointer, std::size_t bytes) {
  ENTRY_WITH_CONTEXT(cuMemAlloc_v2)
  NOT_IN_CAPTURE
  if (bytes == 0)
    return invalid_value;
  auto block = std::make_unique<std::byte[]>(bytes + 256);
  *pointer = (reinterpret_cast<std::uint64_t>(block.get()) + 255) / 256 * 256;
  state().memory.emplace(*pointer, std::move(block));
  return Success;
}
Result cuMemFree_v2(std::uint64_t pointer) {
  ENTRY_WITH_CONTEXT(cuMemFree_v2)
  NOT_IN_CAPTURE
  return state().memory.erase(pointer) == 1 ? Success : invalid_value;
}
Result cuMemcpyHtoD_v2(std::uint64_t to, const void* from, std::size_t bytes) {
  ENTRY_WITH_CONTEXT(cuMemcpyHtoD_v2)
  NOT_IN_CAPTURE
  const auto* data = static_cast<const std::byte*>(from);
  state().staged.push_back({to, {data, data + bytes}});
  return Success;
}
Result cuMemcpyDtoH_v2(void* to, std::uint64_t from, std::size_t bytes) {
  ENTRY_WITH_CONTEXT(cuMemcpyDtoH_v2)
  NOT_IN_CAPTURE
  deliver();
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return Success;
}
Result cuMemsetD8Async(std::uint64_t to, unsigned char value, std::size_t bytes, Stream) {
  ENTRY_WITH_CONTEXT(cuMemsetD8Async)
  std::memset(reinterpret_cast<void*>(to), value, bytes);
  return Success;
}
Result cuLibraryLoadData(Library* library, const void* code, int* options, void** values, unsigned count, int*, void**,
                         unsigned) {
  const std::string jit_log = state().jit_log;
  if (!jit_log.empty() && count == 2 && options[0] == 5) // CU_JIT_ERROR_LOG_BUFFER, and its size
    std::strncpy(static_cast<char*>(values[0]), jit_log.c_str(), reinterpret_cast<std::size_t>(values[1]));
  ENTRY(cuLibraryLoadData)
  NOT_IN_CAPTURE
  if (code == nullptr)
    return invalid_value;
  make(library);
  return Success;
}
Result cuLibraryUnload(Library library) {
  ENTRY(cuLibraryUnload)
  NOT_IN_CAPTURE
  return destroy(library);
}
Result cuLibraryGetKernel(KernelHandle* kernel, Library, const char* name) {
  ENTRY(cuLibraryGetKernel)
  const auto found = state().kernels.find(name);
  if (found == state().kernels.end())
    return not_found;
  *kernel = handle<KernelHandle>(&found->second);
  return Success;
}
Result cuKernelGetFunction(Function* function, KernelHandle kernel) {
  ENTRY_WITH_CONTEXT(cuKernelGetFunction)
  *function = handle<Function>(kernel);
  return Success;
}
Result cuFuncLoad(Function function) {
  ENTRY_WITH_CONTEXT(cuFuncLoad)
  NOT_IN_CAPTURE
  reinterpret_cast<Kernel*>(function)->loaded = true;
  return Success;
}
Result cuFuncGetAttribute(int* value, FunctionAttribute which, Function function) {
  ENTRY(cuFuncGetAttribute)
  const auto& kernel = *reinterpret_cast<const Kernel*>(function);
  *value = which == StaticSharedBytes ? kernel.static_shared : kernel.dynamic_limit;
  return Success;
}
Result cuFuncSetAttribute(Function function, FunctionAttribute which, int value) {
  ENTRY(cuFuncSetAttribute)
  auto& kernel = *reinterpret_cast<Kernel*>(function);
  if (which != MaxDynamicSharedBytes || value < 0 || value + kernel.static_shared > limit)
    return invalid_value;
  kernel.dynamic_limit = value;
  return Success;
}
Result cuLaunchKernelEx(const LaunchDescription* description, Function function, void** arguments, void** extra) {
  ENTRY_WITH_CONTEXT(cuLaunchKernelEx)
  const auto& kernel = *reinterpret_cast<const Kernel*>(function);
  const LaunchDescription& d = *description;
  Launch launch{{d.grid[0], d.grid[1], d.grid[2]},
                {d.block[0], d.block[1], d.block[2]},
                d.dynamic_shared,
                d.stream,
                {1, 1, 1},
                false,
                {}};
  for (unsigned n = 0; n < d.attribute_count; ++n) {
    const LaunchAttribute& a = d.attributes[n];
    if (a.id == LaunchAttribute::ClusterDimension)
      std::copy_n(a.value.cluster, 3, launch.cluster);
    else if (a.id == LaunchAttribute::ProgrammaticStreamSerialization)
      launch.programmatic = a.value.programmatic != 0;
    else
      return invalid_value;
  }
  bool legal = extra == nullptr && static_cast<int>(d.dynamic_shared) <= kernel.dynamic_limit &&
               d.block[0] * d.block[1] * d.block[2] <= 1024;
  for (int axis = 0; axis < 3; ++axis)
    legal = legal && d.grid[axis] > 0 && d.block[axis] > 0 && launch.cluster[axis] > 0 &&
            d.grid[axis] % launch.cluster[axis] == 0;
  if (!legal)
    return invalid_value;
  for (std::size_t n = 0; n < state().parameter_bytes.size(); ++n) {
    const auto* bytes = static_cast<const std::byte*>(arguments[n]);
    launch.arguments.emplace_back(bytes, bytes + state().parameter_bytes[n]);
  }
  if (auto& capture = state().capture; capture && capture->stream == d.stream)
    ++capture->launches;
  else if (capture && d.stream == nullptr && capture->mode != 2) { // it would wait for the stream that is captured
    capture->ruined = true;
    return 906; // STREAM_CAPTURE_IMPLICIT
  }
  state().launches.push_back(std::move(launch));
  return Success;
}
Result cuTensorMapEncodeTiled(void* map, int type, std::uint32_t rank, void* address, const std::uint64_t* dims,
                              const std::uint64_t* strides, const std::uint32_t* box, const std::uint32_t* steps,
                              int interleave, int swizzle, int l2_promotion, int fill) {
  ENTRY_WITH_CONTEXT(cuTensorMapEncodeTiled)
  if (reinterpret_cast<std::uintptr_t>(map) % 64 != 0 || interleave != 0 ||
      std::ranges::count(steps, steps + rank, 1u) != rank)
    return invalid_value;
  // what a test can read back: the arguments as 64-bit words
  std::uint64_t words[16] = {static_cast<std::uint64_t>(type), rank, reinterpret_cast<std::uint64_t>(address)};
  std::size_t at = 3;
  for (std::uint32_t n = 0; n < rank; ++n)
    words[at++] = dims[n] << 32 | box[n];
  for (std::uint32_t n = 1; n < rank; ++n)
    words[at++] = strides[n - 1];
  words[at] = static_cast<std::uint64_t>(swizzle << 16 | l2_promotion << 8 | fill);
  std::memcpy(map, words, sizeof words);
  return Success;
}
Result cuEventCreate(Event* event, unsigned) {
  ENTRY_WITH_CONTEXT(cuEventCreate)
  make(event);
  return Success;
}
Result cuEventDestroy_v2(Event event) {
  ENTRY(cuEventDestroy_v2)
  return destroy(event);
}
Result cuEventRecord(Event event, Stream) {
  ENTRY_WITH_CONTEXT(cuEventRecord)
  return event ? Success : invalid_handle;
}
Result cuEventSynchronize(Event event) {
  ENTRY(cuEventSynchronize)
  NOT_IN_CAPTURE
  return event ? Success : invalid_handle;
}
Result cuEventElapsedTime(float* milliseconds, Event, Event) {
  ENTRY(cuEventElapsedTime)
  *milliseconds = 0.25F;
  return Success;
}
Result cuStreamCreate(Stream* stream, unsigned) {
  ENTRY_WITH_CONTEXT(cuStreamCreate)
  make(stream);
  return Success;
}
Result cuStreamDestroy_v2(Stream stream) {
  ENTRY(cuStreamDestroy_v2)
  return destroy(stream);
}
Result cuStreamBeginCapture_v2(Stream stream, int mode) {
  ENTRY(cuStreamBeginCapture_v2)
  if (stream == nullptr) // the legacy stream cannot be captured
    return 900;
  state().capture = Capture{stream, mode, std::this_thread::get_id()};
  return Success;
}
Result cuStreamEndCapture(Stream stream, Graph* graph) {
  ENTRY(cuStreamEndCapture)
  if (!state().capture || state().capture->stream != stream)
    return invalid_value;
  const bool ruined = state().capture->ruined;
  state().capture.reset();
  if (ruined)
    return 901; // STREAM_CAPTURE_INVALIDATED
  make(graph);
  return Success;
}
Result cuThreadExchangeStreamCaptureMode(int* mode) {
  ENTRY(cuThreadExchangeStreamCaptureMode)
  std::swap(*mode, capture_mode);
  return Success;
}
Result cuGraphInstantiateWithFlags(GraphExec* executable, Graph, unsigned long long) {
  ENTRY(cuGraphInstantiateWithFlags)
  make(executable);
  return Success;
}
Result cuGraphLaunch(GraphExec executable, Stream) {
  ENTRY_WITH_CONTEXT(cuGraphLaunch)
  return executable ? Success : invalid_handle;
}
Result cuGraphExecDestroy(GraphExec executable) {
  ENTRY(cuGraphExecDestroy)
  return destroy(executable);
}
Result cuGraphDestroy(Graph graph) {
  ENTRY(cuGraphDestroy)
  return destroy(graph);
}

} // extern "C"
