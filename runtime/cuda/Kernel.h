#pragma once

#include "attune/Device.h"
#include "runtime/cuda/Driver.h"

#include <memory>
#include <string>
#include <string_view>

namespace attune::cuda {

/// A context is current while this lives; then the caller's comes back.
class Current {
public:
  Current(const Driver& driver, Context context, std::string_view who) : d_(driver) {
    d_.check(d_.cuCtxPushCurrent_v2(context), "cuCtxPushCurrent", who);
  }
  ~Current() {
    Context previous = nullptr;
    d_.cuCtxPopCurrent_v2(&previous);
  }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

private:
  const Driver& d_;
};

/// While it lives, this thread may load and allocate though somebody captures a graph. Captures of the usual, global
/// mode forbid that to all threads, and one that tries ruins the capture; but what we load and allocate is in no graph,
/// and an engine's background thread must not have to know what others are doing.
class BesideCaptures {
public:
  explicit BesideCaptures(const Driver& driver) : d_(driver) { d_.cuThreadExchangeStreamCaptureMode(&mode_); }
  ~BesideCaptures() { d_.cuThreadExchangeStreamCaptureMode(&mode_); }
  BesideCaptures(const BesideCaptures&) = delete;
  BesideCaptures& operator=(const BesideCaptures&) = delete;

private:
  const Driver& d_;
  int mode_ = 2; ///< CU_STREAM_CAPTURE_MODE_RELAXED; then what it was
};

/// One kernel in the context that was current when it was made.
class Kernel final : public DeviceKernel {
public:
  /// Loads all of it, so that launches do not: they may be captured. `shared_limit`: bytes that a block can have.
  Kernel(std::shared_ptr<const Driver> driver, DeviceOrdinal device, const Image& image, std::string_view name,
         std::size_t shared_limit);
  ~Kernel() override;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  DeviceOrdinal device() const { return device_; }
  void launch(const LaunchConfig& config, std::span<void* const> arguments, Stream stream) const;

private:
  std::shared_ptr<const Driver> d_;
  std::string who_; ///< "cuda:0: kernel prefill"
  DeviceOrdinal device_;
  Library library_ = nullptr;
  Function function_ = nullptr;
};

} // namespace attune::cuda
