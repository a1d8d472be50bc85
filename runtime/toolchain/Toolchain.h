#pragma once

#include "attune/Device.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

struct Nvrtc;

/// What ptxas says about a kernel; of several kernels in one text, the largest of each.
struct KernelResources {
  int registers = 0;    ///< per thread
  int spill_bytes = 0;  ///< per thread, stores and loads
  int local_bytes = 0;  ///< per thread: stack frame
  int shared_bytes = 0; ///< per block, static; dynamic shared memory is the manifest's
};

struct BuildLog {
  std::optional<KernelResources> resources; ///< absent for PTX, which ptxas has not seen
  std::vector<std::string> warnings;        ///< one line each: serialised wgmma (C75xx), spills, local memory, ...
  double milliseconds = 0;                  ///< wall time in NVRTC
  std::string text;                         ///< all that NVRTC wrote
};

struct Build {
  Image image;
  BuildLog log;
};

/// CUDA text to binary, through NVRTC. Knows the embedded templates and nothing of attention. Thread-safe: compilations
/// run side by side.
class Toolchain {
public:
  /// Finds NVRTC (nvrtcCandidates). Throws DeviceError that says how to get it.
  Toolchain();
  explicit Toolchain(std::unique_ptr<Nvrtc> nvrtc);
  ~Toolchain();

  /// The process's one, opened on first use. Throws as the constructor does, at each use until NVRTC is there.
  static std::shared_ptr<const Toolchain> shared();

  /// Compiles one translation unit for `arch` ("sm_80", "sm_90a") into a cubin for exactly that target, or into PTX.
  /// If this NVRTC does not know the target, a portable one becomes PTX of the newest target it knows below (with a
  /// warning in the log; the driver finishes it).
  /// Throws DeviceError if that is impossible too, and InternalError with the log and an excerpt if the text does not
  /// compile: texts are ours.
  Build build(std::string_view cuda, std::string_view arch, Image::Kind kind, std::string_view name = "kernel") const;

  /// What decides what `build` makes of a text, other than its arguments: options and templates, which are Attune's,
  /// and the compiler, which is the machine's.
  static const std::string& recipe();
  std::string compiler() const; ///< "nvrtc 13.0"
  /// "NVRTC 13.0 (/usr/local/cuda/lib64/libnvrtc.so.13)"
  std::string description() const;

private:
  std::unique_ptr<Nvrtc> nvrtc_;
};

/// Reads registers, spills and warnings out of an NVRTC program log.
BuildLog parseBuildLog(std::string text);

} // namespace attune
