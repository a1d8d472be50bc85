// Our declarations of the driver API against NVIDIA's header, where there is one.
#include "runtime/cuda/Driver.h"

#include "attune/Device.h"

#include <cuda.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string_view>
#include <type_traits>

// The plain name is what old drivers have; cuda.h of CUDA 13 declares only the second version, of the same type.
#ifdef cuEventElapsedTime
#  undef cuEventElapsedTime
extern "C" decltype(cuEventElapsedTime_v2) cuEventElapsedTime;
#endif

namespace attune::cuda {
namespace {

/// A type up to the names of enums, opaque handles and structs.
template <class T>
struct Shape {
  using Type = std::conditional_t<std::is_enum_v<T>, int, T>;
};
template <>
struct Shape<unsigned long long> { // cuuint64_t, CUdeviceptr
  using Type = std::uint64_t;
};
template <class T>
struct Shape<T*> {
  using Pointee = typename Shape<std::remove_const_t<T>>::Type;
  using Type = std::conditional_t<std::is_class_v<std::remove_const_t<T>>, void*, Pointee*>;
};
template <class R, class... P>
struct Shape<R (*)(P...)> {
  using Type = int (*)(typename Shape<P>::Type...);
};

#define ATTUNE_CHECK(name, parameters)                                                                                 \
  static_assert(std::is_same_v<Shape<decltype(Driver::name)>::Type, Shape<decltype(&::name)>::Type>, #name);
ATTUNE_DRIVER_ENTRY_POINTS(ATTUNE_CHECK)
#if CUDA_VERSION >= 12040
ATTUNE_DRIVER_OPTIONAL_ENTRY_POINTS(ATTUNE_CHECK)
#endif
#undef ATTUNE_CHECK

/// cuda.h gives plain names another version by macros: ours must be the version that it means, where it has one.
#define ATTUNE_TEXT(x) ATTUNE_TEXT_OF(x)
#define ATTUNE_TEXT_OF(x) #x
static_assert(std::string_view(ATTUNE_TEXT(cuMemAlloc)) == "cuMemAlloc_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuMemFree)) == "cuMemFree_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuMemcpyHtoD)) == "cuMemcpyHtoD_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuMemcpyDtoH)) == "cuMemcpyDtoH_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuDeviceTotalMem)) == "cuDeviceTotalMem_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuDevicePrimaryCtxRelease)) == "cuDevicePrimaryCtxRelease_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuCtxPushCurrent)) == "cuCtxPushCurrent_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuCtxPopCurrent)) == "cuCtxPopCurrent_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuEventDestroy)) == "cuEventDestroy_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuStreamDestroy)) == "cuStreamDestroy_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuStreamBeginCapture)) == "cuStreamBeginCapture_v2");
static_assert(std::string_view(ATTUNE_TEXT(cuLaunchKernelEx)) == "cuLaunchKernelEx");
static_assert(std::string_view(ATTUNE_TEXT(cuMemsetD8Async)) == "cuMemsetD8Async");
#undef ATTUNE_TEXT
#undef ATTUNE_TEXT_OF

static_assert(int{InvalidImage} == CUDA_ERROR_INVALID_IMAGE);
static_assert(int{NoBinaryForGpu} == CUDA_ERROR_NO_BINARY_FOR_GPU);
static_assert(int{UnsupportedPtxVersion} == CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
static_assert(int{MultiprocessorCount} == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(int{L2CacheSize} == CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
static_assert(int{MaxThreadsPerMultiprocessor} == CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR);
static_assert(int{ComputeCapabilityMajor} == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(int{ComputeCapabilityMinor} == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(int{MaxSharedMemoryPerMultiprocessor} == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
static_assert(int{MaxRegistersPerMultiprocessor} == CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR);
static_assert(int{MaxSharedMemoryPerBlockOptin} == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
static_assert(int{StaticSharedBytes} == CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
static_assert(int{MaxDynamicSharedBytes} == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
static_assert(int{LaunchAttribute::ClusterDimension} == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
static_assert(int{LaunchAttribute::ProgrammaticStreamSerialization} ==
              CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);

static_assert(sizeof(LaunchAttribute) == sizeof(CUlaunchAttribute));
static_assert(offsetof(LaunchAttribute, value) == offsetof(CUlaunchAttribute, value));
static_assert(sizeof(LaunchDescription) == sizeof(CUlaunchConfig));
static_assert(offsetof(LaunchDescription, block) == offsetof(CUlaunchConfig, blockDimX));
static_assert(offsetof(LaunchDescription, dynamic_shared) == offsetof(CUlaunchConfig, sharedMemBytes));
static_assert(offsetof(LaunchDescription, stream) == offsetof(CUlaunchConfig, hStream));
static_assert(offsetof(LaunchDescription, attributes) == offsetof(CUlaunchConfig, attrs));
static_assert(offsetof(LaunchDescription, attribute_count) == offsetof(CUlaunchConfig, numAttrs));
static_assert(sizeof(TensorMap) == sizeof(CUtensorMap) && alignof(TensorMap) >= alignof(CUtensorMap));

} // namespace
} // namespace attune::cuda
