#pragma once

#include "attune/Device.h"

#include <functional>
#include <vector>

namespace attune::bench {

/// The median of samples, and their relative spread.
struct Measurement {
  double value = 0;
  double spread = 0; ///< relative standard deviation of one sample, from the median distance to the median
  int samples = 0;
};

/// Of samples in any order.
Measurement summary(std::vector<double> samples);
/// In another unit: the spread is relative.
Measurement scaled(const Measurement& measurement, double factor);
/// A rate, of what one turn does, from the time of one turn.
Measurement rate(const Measurement& time, double per_turn);

/// Milliseconds of one call on the host's clock. Short calls are repeated until a sample lasts 20 ms; `first` is called
/// before each sample, outside of the time.
Measurement onHost(int samples, const std::function<void()>& work, const std::function<void()>& first = {});

/// Microseconds of one turn on a GPU: `work` starts one turn on a stream. Turns are captured in one graph, enough of
/// them to last `sample_us` and a multiple of `rotation`, after which `work` begins with its first tensors again; so
/// what the host takes to start a kernel is not in it. `while_busy` is called while a sample runs. Throws DeviceError
/// if the device has no clock: the emulated one.
Measurement onDevice(Device& device, int samples, const std::function<void(void* stream)>& work,
                     const std::function<void()>& while_busy = {}, double sample_us = 2000, int rotation = 1);

} // namespace attune::bench
