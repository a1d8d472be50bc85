#include "runtime/toolchain/Nvrtc.h"

#include "attune/compiler/Error.h"
#include "runtime/support/DynamicLibrary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace attune {
namespace {

constexpr int oldest_major = 12; // the first with C++20, PTX for Hopper, and all our options

/// NVRTC asks the loader for its builtins by soname and does not look beside itself. A library that is already
/// loaded answers to its soname, so this one is opened by path first.
void openBuiltins(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (std::filesystem::directory_iterator it(folder, ignored), end; it != end; it.increment(ignored)) {
    std::string why;
    if (it->path().filename().string().starts_with("libnvrtc-builtins.so."))
      DynamicLibrary::open(it->path().string(), why); // NVRTC's own message is the better one if this fails
  }
}

bool bind(Nvrtc& nvrtc, const DynamicLibrary& library, std::string& why) {
#define ATTUNE_BIND(name, parameters)                                                                                  \
  nvrtc.name = reinterpret_cast<decltype(nvrtc.name)>(library.symbol(#name));                                          \
  if (nvrtc.name == nullptr) {                                                                                         \
    why = "has no " #name ": too old";                                                                                 \
    return false;                                                                                                      \
  }
  ATTUNE_NVRTC_ENTRY_POINTS(ATTUNE_BIND)
#undef ATTUNE_BIND
  return true;
}

bool describe(Nvrtc& nvrtc, std::string& why) {
  int count = 0;
  if (nvrtc.nvrtcVersion(&nvrtc.major, &nvrtc.minor) != 0 || nvrtc.nvrtcGetNumSupportedArchs(&count) != 0) {
    why = "does not tell its version";
    return false;
  }
  nvrtc.architectures.resize(static_cast<std::size_t>(std::max(count, 0)));
  nvrtc.nvrtcGetSupportedArchs(nvrtc.architectures.data());
  std::sort(nvrtc.architectures.begin(), nvrtc.architectures.end());
  why = fmt::format("is NVRTC {}.{}, older than {}.0", nvrtc.major, nvrtc.minor, oldest_major);
  return nvrtc.major >= oldest_major;
}

} // namespace

std::unique_ptr<Nvrtc> Nvrtc::open(const std::vector<std::string>& candidates) {
  std::vector<std::string> tried;
  for (const std::string& candidate : candidates) {
    std::string why;
    const auto library = DynamicLibrary::open(candidate, why);
    auto nvrtc = std::make_unique<Nvrtc>();
    if (library != nullptr && bind(*nvrtc, *library, why) && describe(*nvrtc, why)) {
      nvrtc->path = library->path();
      openBuiltins(std::filesystem::path(nvrtc->path).parent_path());
      return nvrtc;
    }
    tried.push_back(library != nullptr ? fmt::format("{} {}", candidate, why) : why);
  }
  throw DeviceError(fmt::format(
      "NVRTC, the library that compiles CUDA at run time, was not found. Install a CUDA toolkit ({}.0 or newer; 12.8 "
      "for "
      "Blackwell), or `pip install nvidia-cuda-nvrtc`, or set ATTUNE_NVRTC to the path of libnvrtc.so. Tried:\n  {}",
      oldest_major, fmt::join(tried, "\n  ")));
}

} // namespace attune
