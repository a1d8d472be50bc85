#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace attune {

/// NVRTC's opaque program.
struct NvrtcProgram;

// Entry point, parameters. Every one returns an nvrtcResult, 0 for success. A test compares them with NVIDIA's header.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define ATTUNE_NVRTC_ENTRY_POINTS(X)                                                                                   \
  X(nvrtcVersion, (int* major, int* minor))                                                                            \
  X(nvrtcGetNumSupportedArchs, (int* count))                                                                           \
  X(nvrtcGetSupportedArchs, (int* archs))                                                                              \
  X(nvrtcCreateProgram, (NvrtcProgram * *program, const char* source, const char* name, int header_count,              \
                         const char* const* headers, const char* const* header_names))                                 \
  X(nvrtcDestroyProgram, (NvrtcProgram * *program))                                                                    \
  X(nvrtcCompileProgram, (NvrtcProgram * program, int option_count, const char* const* options))                       \
  X(nvrtcGetPTXSize, (NvrtcProgram * program, std::size_t* bytes))                                                     \
  X(nvrtcGetPTX, (NvrtcProgram * program, char* ptx))                                                                  \
  X(nvrtcGetCUBINSize, (NvrtcProgram * program, std::size_t* bytes))                                                   \
  X(nvrtcGetCUBIN, (NvrtcProgram * program, char* cubin))                                                              \
  X(nvrtcGetProgramLogSize, (NvrtcProgram * program, std::size_t* bytes))                                              \
  X(nvrtcGetProgramLog, (NvrtcProgram * program, char* log))

/// The results that are told apart; their numbers are NVRTC's.
enum NvrtcResult : int {
  NvrtcSuccess = 0,
  NvrtcInvalidOption = 5,
  NvrtcCompilation = 6,
  NvrtcBuiltinOperationFailure = 7,
};

/// NVRTC's entry points and what it says of itself.
struct Nvrtc {
#define ATTUNE_DECLARE(name, parameters) int(*name) parameters = nullptr;
  ATTUNE_NVRTC_ENTRY_POINTS(ATTUNE_DECLARE)
#undef ATTUNE_DECLARE

  std::string path;
  int major = 0, minor = 0;
  std::vector<int> architectures; ///< 80 for sm_80, ascending

  /// Opens the first NVRTC of `candidates` that loads, and its builtins library from the same folder.
  /// Throws DeviceError that lists what was tried and says how to get NVRTC.
  static std::unique_ptr<Nvrtc> open(const std::vector<std::string>& candidates);
};
// NOLINTEND(bugprone-macro-parentheses)

/// Where NVRTC may be, best first: $ATTUNE_NVRTC (then nothing else), the loader's path, CUDA_HOME and CUDA_PATH,
/// /usr/local/cuda*, and the `nvidia-cuda-nvrtc` wheel in the site-packages of the python3s on PATH.
std::vector<std::string> nvrtcCandidates();

} // namespace attune
