#pragma once

#include "attune/Device.h"

#include <string>
#include <string_view>
#include <vector>

namespace attune::model {

/// What a device can do, as the cost model needs it. Rates are per multiprocessor and clock.
struct Figures {
  double clock_ghz = 0;           ///< under load
  double tensor_flops = 0;        ///< 16-bit, fp32 accumulation, by mma.sync
  double wgmma_flops = 0;         ///< the same by wgmma, and half of that of 8-bit elements; 0: it has none
  double sfu_ops = 16;            ///< ex2 and the like (CUDA programming guide, throughput of native arithmetic)
  double shared_wavefronts = 1;   ///< of 128 bytes
  double instructions = 4;        ///< warp instructions issued
  double l2_gbytes_per_s = 0;     ///< of the whole device
  double memory_gbytes_per_s = 0; ///< what a copy reaches, not the data sheet's
  double memory_latency_us = 0;   ///< a load from device memory while it is busy
  double l2_latency_us = 0;
  double launch_us = 0;      ///< a kernel that does nothing
  double next_launch_us = 0; ///< one more kernel behind it in the same stream
};

/// A device, as the tuner sees it.
struct Machine {
  DeviceProperties device;
  Figures figures;
};

/// A device that is here. Figures are those of the product if its name is known, else of the newest one of its
/// architecture.
Machine machineOf(const DeviceProperties& device);

/// The product that an architecture is tuned for where there is no device: sm_90a is an H200. Throws UserError for an
/// architecture that is none.
Machine machineFor(std::string_view arch);

/// What a tuned choice is good for: a target and a number of multiprocessors, "sm_90a, 132 multiprocessors". Equal
/// text, same class. Names and sizes of the L2 are left out: drivers spell and count them differently from card to card
/// ("NVIDIA H100 80GB HBM3"; 50 or 60 MiB), and what is recorded where there is no GPU has to be found where there is.
/// So an H100 SXM and an H200 are one class, though memory of one is faster: what was measured counts before estimates.
std::string deviceClass(const DeviceProperties& device);

} // namespace attune::model
