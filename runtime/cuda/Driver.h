#pragma once

#include "runtime/support/DynamicLibrary.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace attune::cuda {

// The driver API as far as it is used, so that Attune builds without a toolkit. Names, types and values are those of
// cuda.h; where a toolkit is installed, a test compares them.
using Result = int;
using DeviceOrdinal = int;
using Context = struct ContextTag*;
using Library = struct LibraryTag*;
using KernelHandle = struct KernelTag*;
using Function = struct FunctionTag*;
using Stream = struct StreamTag*;
using Event = struct EventTag*;
using Graph = struct GraphTag*;
using GraphExec = struct GraphExecTag*;

enum : Result {
  Success = 0,
  InvalidImage = 200,
  NoBinaryForGpu = 209,
  UnsupportedPtxVersion = 222,
};

enum DeviceAttribute : int { // CUdevice_attribute
  MultiprocessorCount = 16,
  L2CacheSize = 38,
  MaxThreadsPerMultiprocessor = 39,
  ComputeCapabilityMajor = 75,
  ComputeCapabilityMinor = 76,
  MaxSharedMemoryPerMultiprocessor = 81,
  MaxRegistersPerMultiprocessor = 82,
  MaxSharedMemoryPerBlockOptin = 97,
};

enum FunctionAttribute : int { // CUfunction_attribute
  StaticSharedBytes = 1,
  MaxDynamicSharedBytes = 8,
};

// NOLINTBEGIN(bugprone-tagged-union-member-count): the third member gives the union its size
/// CUlaunchAttribute.
struct LaunchAttribute {
  enum Id : int { ClusterDimension = 4, ProgrammaticStreamSerialization = 6 } id;
  int padding = 0;
  union {
    unsigned cluster[3];
    int programmatic;
    char size[64];
  } value = {};
};
// NOLINTEND(bugprone-tagged-union-member-count)

/// CUlaunchConfig.
struct LaunchDescription {
  unsigned grid[3];
  unsigned block[3];
  unsigned dynamic_shared;
  Stream stream;
  LaunchAttribute* attributes;
  unsigned attribute_count;
};

// Entry point, parameters. The versions are those that cuda.h has meant by the plain names since CUDA 12.0.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define ATTUNE_DRIVER_ENTRY_POINTS(X)                                                                                  \
  X(cuInit, (unsigned flags))                                                                                          \
  X(cuDriverGetVersion, (int* version))                                                                                \
  X(cuGetErrorName, (Result result, const char** name))                                                                \
  X(cuGetErrorString, (Result result, const char** text))                                                              \
  X(cuDeviceGetCount, (int* count))                                                                                    \
  X(cuDeviceGet, (DeviceOrdinal * device, int ordinal))                                                                \
  X(cuDeviceGetName, (char* name, int size, DeviceOrdinal device))                                                     \
  X(cuDeviceGetAttribute, (int* value, DeviceAttribute which, DeviceOrdinal device))                                   \
  X(cuDeviceTotalMem_v2, (std::size_t* bytes, DeviceOrdinal device))                                                   \
  X(cuDevicePrimaryCtxRetain, (Context * context, DeviceOrdinal device))                                               \
  X(cuDevicePrimaryCtxRelease_v2, (DeviceOrdinal device))                                                              \
  X(cuCtxPushCurrent_v2, (Context context))                                                                            \
  X(cuCtxPopCurrent_v2, (Context * context))                                                                           \
  X(cuCtxSynchronize, ())                                                                                              \
  X(cuStreamSynchronize, (Stream stream))                                                                              \
  X(cuMemAlloc_v2, (std::uint64_t* pointer, std::size_t bytes))                                                        \
  X(cuMemFree_v2, (std::uint64_t pointer))                                                                             \
  X(cuMemcpyHtoD_v2, (std::uint64_t to, const void* from, std::size_t bytes))                                          \
  X(cuMemcpyDtoH_v2, (void* to, std::uint64_t from, std::size_t bytes))                                                \
  X(cuMemsetD8Async, (std::uint64_t to, unsigned char value, std::size_t bytes, Stream stream))                        \
  X(cuLibraryLoadData, (Library * library, const void* code, int* jit_options, void** jit_values, unsigned jit_count,  \
                        int* options, void** values, unsigned count))                                                  \
  X(cuLibraryUnload, (Library library))                                                                                \
  X(cuLibraryGetKernel, (KernelHandle * kernel, Library library, const char* name))                                    \
  X(cuKernelGetFunction, (Function * function, KernelHandle kernel))                                                   \
  X(cuFuncGetAttribute, (int* value, FunctionAttribute which, Function function))                                      \
  X(cuFuncSetAttribute, (Function function, FunctionAttribute which, int value))                                       \
  X(cuLaunchKernelEx, (const LaunchDescription* launch, Function function, void** arguments, void** extra))            \
  X(cuTensorMapEncodeTiled,                                                                                            \
    (void* map, int type, std::uint32_t rank, void* address, const std::uint64_t* dims, const std::uint64_t* strides,  \
     const std::uint32_t* box, const std::uint32_t* element_strides, int interleave, int swizzle, int l2_promotion,    \
     int fill))                                                                                                        \
  X(cuEventCreate, (Event * event, unsigned flags))                                                                    \
  X(cuEventDestroy_v2, (Event event))                                                                                  \
  X(cuEventRecord, (Event event, Stream stream))                                                                       \
  X(cuEventSynchronize, (Event event))                                                                                 \
  X(cuEventElapsedTime, (float* milliseconds, Event from, Event to))                                                   \
  X(cuStreamCreate, (Stream * stream, unsigned flags))                                                                 \
  X(cuStreamDestroy_v2, (Stream stream))                                                                               \
  X(cuStreamBeginCapture_v2, (Stream stream, int mode))                                                                \
  X(cuStreamEndCapture, (Stream stream, Graph * graph))                                                                \
  X(cuThreadExchangeStreamCaptureMode, (int* mode))                                                                    \
  X(cuGraphInstantiateWithFlags, (GraphExec * executable, Graph graph, unsigned long long flags))                      \
  X(cuGraphLaunch, (GraphExec executable, Stream stream))                                                              \
  X(cuGraphExecDestroy, (GraphExec executable))                                                                        \
  X(cuGraphDestroy, (Graph graph))

/// Entry points that newer drivers have: null in others.
#define ATTUNE_DRIVER_OPTIONAL_ENTRY_POINTS(X) X(cuFuncLoad, (Function function))

/// The entry points, found when the library is loaded.
struct Driver {
#define ATTUNE_DECLARE(name, parameters) Result(*name) parameters = nullptr;
  ATTUNE_DRIVER_ENTRY_POINTS(ATTUNE_DECLARE)
  ATTUNE_DRIVER_OPTIONAL_ENTRY_POINTS(ATTUNE_DECLARE)
#undef ATTUNE_DECLARE
  // NOLINTEND(bugprone-macro-parentheses)

  std::unique_ptr<DynamicLibrary> library;
  int version = 0; ///< CUDA version that it supports: 12040 for 12.4

  /// Throws DeviceError "what: cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY, out of memory. remedy" unless the result is
  /// success. The remedy is of the error, where there is one.
  void check(Result result, std::string_view entry_point, std::string_view what) const;
};

/// Loads libcuda.so.1 (or $ATTUNE_CUDA_DRIVER) and starts it. Throws DeviceError: no driver, a driver older than CUDA
/// 12.0, a driver that does not start.
std::shared_ptr<const Driver> loadDriver();

} // namespace attune::cuda
