#include "runtime/model/Machine.h"

#include "attune/compiler/Error.h"
#include "attune/compiler/Target.h"

#include <algorithm>

#include <fmt/format.h>

namespace attune::model {

namespace {

struct Product {
  const char* name; ///< a part of the driver's name for it
  const char* arch;
  int multiprocessors;
  int l2_mib;
  Figures figures;
};

// Clocks, tensor rates and memory: the vendor's data sheets and architecture white papers; memory is 0.88 of the data
// sheet's figure, what copies reach (H200: 4.3 of 4.8 TB/s). mma.sync reaches 0.63 of what wgmma does on sm_90 (Luo et
// al. 2024, "Benchmarking and Dissecting the Nvidia Hopper GPU Architecture"); the same factor is assumed on sm_100.
// Latencies: the same paper, and Chips and Cheese's pointer chases, plus queueing under load. Launches: 2 to 2.5 us,
// and about 1 us for one that follows in the stream. Estimates all, until a device is measured.
constexpr Figures figures(double clock, double tensor, double l2, double memory, double wgmma = 0) {
  return {.clock_ghz = clock,
          .tensor_flops = tensor,
          .wgmma_flops = wgmma,
          .l2_gbytes_per_s = l2,
          .memory_gbytes_per_s = memory,
          .memory_latency_us = 0.8,
          .l2_latency_us = 0.2,
          .launch_us = 2.5,
          .next_launch_us = 1.2};
}
const Product products[] = {
    {"H200", "sm_90a", 132, 50, figures(1.6, 2580, 5500, 4300, 4096)},
    {"H100", "sm_90a", 132, 50, figures(1.6, 2580, 5500, 2950, 4096)},
    {"A100", "sm_80", 108, 40, figures(1.41, 2048, 4000, 1370)},
    {"A10", "sm_86", 72, 6, figures(1.5, 1024, 1800, 530)},
    {"L40S", "sm_89", 142, 96, figures(2.3, 1024, 3500, 760)},
    {"RTX 4090", "sm_89", 128, 72, figures(2.5, 512, 4500, 890)},
    {"B200", "sm_100", 148, 126, figures(1.8, 5160, 9000, 7000)},
    {"RTX PRO 6000", "sm_120", 188, 128, figures(2.3, 1024, 6000, 1580)},
    {"RTX 5090", "sm_120", 170, 96, figures(2.4, 512, 5500, 1580)},
};

/// sm_90 and sm_90a are one machine.
std::string_view family(std::string_view arch) { return arch.ends_with('a') ? arch.substr(0, arch.size() - 1) : arch; }

} // namespace

Machine machineOf(const DeviceProperties& device) {
  const Product* found = nullptr;
  for (const Product& p : products) {
    if (family(p.arch) != family(device.arch)) // an "RTX A1000" is no A100
      continue;
    if (!found)
      found = &p;
    if (device.name.find(p.name) != std::string::npos)
      return {device, p.figures};
  }
  return {device, (found ? *found : products[0]).figures};
}

Machine machineFor(std::string_view arch) {
  const Target& limits = target(arch);
  const auto* p = std::ranges::find_if(products, [&](const Product& q) { return family(q.arch) == family(arch); });
  if (p == std::end(products))
    throw InternalError(fmt::format("no product of target {} is known", arch));
  DeviceProperties device;
  device.name = fmt::format("NVIDIA {}", p->name);
  device.arch = arch;
  device.multiprocessors = p->multiprocessors;
  device.shared_per_block = static_cast<std::size_t>(limits.shared_per_block);
  device.shared_per_multiprocessor = static_cast<std::size_t>(limits.shared_per_multiprocessor);
  device.registers_per_multiprocessor = limits.registers_per_multiprocessor;
  device.max_threads_per_multiprocessor = limits.max_threads_per_multiprocessor;
  device.l2_bytes = static_cast<std::size_t>(p->l2_mib) << 20;
  return {device, p->figures};
}

std::string deviceClass(const DeviceProperties& d) {
  return fmt::format("{}, {} multiprocessors", d.arch, d.multiprocessors);
}

} // namespace attune::model
