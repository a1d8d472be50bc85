#pragma once

#include "runtime/cuda/Driver.h"

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

/// A libcuda.so without a GPU: memory is the host's, kernels do nothing. It holds callers to the driver API's rules
/// (a current context, opt-in shared memory, live handles), writes calls down, and fails where a test says so.
namespace attune::fake {

struct Gpu {
  std::string name = "NVIDIA H200";
  int major = 9, minor = 0;
  int retained = 0; ///< of its primary context
};

struct Kernel {
  int static_shared = 0;
  int dynamic_limit = 48 << 10; ///< without opt-in
  bool loaded = false;
};

struct Launch {
  unsigned grid[3], block[3], dynamic_shared;
  cuda::Stream stream;
  unsigned cluster[3] = {1, 1, 1};
  bool programmatic = false;
  std::vector<std::vector<std::byte>> arguments;
};

/// A stream that is being captured. While it is, calls that are not allowed fail and ruin it, as the driver API
/// documents for cuStreamBeginCapture and cuThreadExchangeStreamCaptureMode.
struct Capture {
  cuda::Stream stream;
  int mode; ///< 0 global, 1 thread-local, 2 relaxed
  std::thread::id thread;
  bool ruined = false;
  int launches = 0; ///< that went into the graph
};

/// A copy to the device that is on its way.
struct Staged {
  std::uint64_t to = 0;
  std::vector<std::byte> bytes;
};

struct State {
  int version = 12040;
  std::vector<Gpu> gpus{2};
  std::map<std::string, cuda::Result> failures; ///< entry point -> what it returns, without doing anything
  std::string jit_log;                          ///< what a failing cuLibraryLoadData writes
  std::map<std::string, Kernel> kernels;        ///< those of every library
  std::vector<std::size_t> parameter_bytes;     ///< of every kernel: how much of each argument a launch copies

  std::vector<std::string> calls; ///< names, in order
  std::vector<Launch> launches;
  std::optional<Capture> capture; ///< under way
  std::map<std::uint64_t, std::unique_ptr<std::byte[]>> memory;
  std::vector<Staged> staged;
  int pushed = 0; ///< contexts, less those popped
  int live = 0;   ///< libraries, events, streams, graphs that were not destroyed
  std::mutex mutex;

  /// How often an entry point was called.
  std::size_t count(const std::string& entry_point) const;
};

/// The only one. Tests reset it.
State& state();
void reset();

} // namespace attune::fake
