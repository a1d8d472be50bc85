// Our declarations of NVRTC's entry points against NVIDIA's header, where there is one.
#include "runtime/toolchain/Nvrtc.h"

#include <gtest/gtest.h>
#include <nvrtc.h>

#include <type_traits>

namespace attune {
namespace {

/// The same function type, with NVRTC's opaque program and result in place of ours.
template <class T>
struct Theirs {
  using Type = T;
};
template <>
struct Theirs<NvrtcProgram*> {
  using Type = nvrtcProgram;
};
template <>
struct Theirs<NvrtcProgram**> {
  using Type = nvrtcProgram*;
};
template <class... P>
struct Theirs<int (*)(P...)> {
  using Type = nvrtcResult (*)(typename Theirs<P>::Type...);
};

#define ATTUNE_CHECK(name, parameters)                                                                                 \
  static_assert(std::is_same_v<Theirs<decltype(Nvrtc::name)>::Type, decltype(&::name)>, #name);
ATTUNE_NVRTC_ENTRY_POINTS(ATTUNE_CHECK)
#undef ATTUNE_CHECK

static_assert(NvrtcSuccess == int{NVRTC_SUCCESS});
static_assert(NvrtcInvalidOption == int{NVRTC_ERROR_INVALID_OPTION});
static_assert(NvrtcCompilation == int{NVRTC_ERROR_COMPILATION});
static_assert(NvrtcBuiltinOperationFailure == int{NVRTC_ERROR_BUILTIN_OPERATION_FAILURE});

} // namespace
} // namespace attune
