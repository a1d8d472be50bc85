#include "autotune/bench/Facts.h"

#include "runtime/support/DynamicLibrary.h"
#include "runtime/toolchain/Toolchain.h"

#include <array>
#include <chrono>
#include <fstream>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::bench {

using nlohmann::json;

namespace {

/// What stands behind `key` in a file of "key: value" or key="value" lines.
std::string valueIn(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) {
      const std::size_t from = line.find_first_not_of(" \t:=\"", key.size());
      return from == std::string::npos ? std::string() : line.substr(from, line.find_last_not_of(" \"") + 1 - from);
    }
  return {};
}

json orNull(const std::string& text) { return text.empty() ? json() : json(text); }

/// The processor, or null. On x86 with its family and model: a virtual machine may say no more than "AMD EPYC", which
/// generations share that differ by a factor.
json cpu() {
  constexpr const char* file = "/proc/cpuinfo";
  const std::string name = valueIn(file, "model name"), family = valueIn(file, "cpu family"),
                    model = valueIn(file, "model\t");
  if (name.empty() || family.empty() || model.empty())
    return orNull(name);
  return fmt::format("{} (family {}, model {})", name, family, model);
}

/// The entry points of NVML that are used (nvml.h).
struct Nvml {
  int (*init)() = nullptr;
  int (*driver)(char* text, unsigned size) = nullptr;
  int (*handle)(const char* bus_id, void** gpu) = nullptr;
  int (*clock)(void* gpu, int which, unsigned* mhz) = nullptr; ///< 1: multiprocessors, 2: memory
  int (*power)(void* gpu, unsigned* milliwatts) = nullptr;
  int (*temperature)(void* gpu, int sensor, unsigned* celsius) = nullptr;
  int (*throttle)(void* gpu, unsigned long long* reasons) = nullptr;
  std::unique_ptr<DynamicLibrary> library;
};

const Nvml* openNvml() {
  static const std::unique_ptr<const Nvml> opened = []() -> std::unique_ptr<const Nvml> {
    auto nvml = std::make_unique<Nvml>();
    std::string why;
    nvml->library = DynamicLibrary::open("libnvidia-ml.so.1", why);
    if (nvml->library == nullptr)
      return nullptr;
    const auto find = [&](auto& entry, const char* name) {
      entry = reinterpret_cast<std::remove_reference_t<decltype(entry)>>(nvml->library->symbol(name));
      return entry != nullptr;
    };
    const bool all = find(nvml->init, "nvmlInit_v2") && find(nvml->driver, "nvmlSystemGetDriverVersion") &&
                     find(nvml->handle, "nvmlDeviceGetHandleByPciBusId_v2") &&
                     find(nvml->clock, "nvmlDeviceGetClockInfo") && find(nvml->power, "nvmlDeviceGetPowerUsage") &&
                     find(nvml->temperature, "nvmlDeviceGetTemperature") &&
                     find(nvml->throttle, "nvmlDeviceGetCurrentClocksThrottleReasons");
    return all && nvml->init() == 0 ? std::move(nvml) : nullptr;
  }();
  return opened.get();
}

/// "0000:65:00.0", or nothing.
std::string busIdOf(int ordinal) {
  std::string why;
  const auto driver = DynamicLibrary::open("libcuda.so.1", why);
  if (driver == nullptr)
    return {};
  const auto get = reinterpret_cast<int (*)(int* device, int ordinal)>(driver->symbol("cuDeviceGet"));
  const auto bus_id =
      reinterpret_cast<int (*)(char* text, int size, int device)>(driver->symbol("cuDeviceGetPCIBusId"));
  std::array<char, 64> text{};
  int device = 0;
  if (get == nullptr || bus_id == nullptr || get(&device, ordinal) != 0 || bus_id(text.data(), 63, device) != 0)
    return {};
  return text.data();
}

} // namespace

Clocks::Clocks(const DeviceProperties& device, int ordinal) {
  const Nvml* nvml = device.emulated ? nullptr : openNvml();
  if (nvml != nullptr && nvml->handle(busIdOf(ordinal).c_str(), &gpu_) == 0)
    nvml_ = nvml;
}

json Clocks::read() const {
  json reading = {{"sm_mhz", nullptr},
                  {"memory_mhz", nullptr},
                  {"power_w", nullptr},
                  {"temperature_c", nullptr},
                  {"throttled", nullptr}};
  if (nvml_ == nullptr)
    return reading;
  const Nvml& nvml = *static_cast<const Nvml*>(nvml_);
  constexpr int multiprocessors = 1, memory = 2, of_the_die = 0;
  constexpr unsigned long long idle = 1; // nvmlClocksThrottleReasonGpuIdle is none
  unsigned value = 0;
  if (nvml.clock(gpu_, multiprocessors, &value) == 0)
    reading["sm_mhz"] = value;
  if (nvml.clock(gpu_, memory, &value) == 0)
    reading["memory_mhz"] = value;
  if (nvml.power(gpu_, &value) == 0)
    reading["power_w"] = value / 1000;
  if (nvml.temperature(gpu_, of_the_die, &value) == 0)
    reading["temperature_c"] = value;
  if (unsigned long long reasons = 0; nvml.throttle(gpu_, &reasons) == 0)
    reading["throttled"] = fmt::format("{:#x}", reasons & ~idle);
  return reading;
}

json Clocks::driver() const {
  char text[80] = "";
  if (nvml_ == nullptr || static_cast<const Nvml*>(nvml_)->driver(text, sizeof text) != 0)
    return nullptr;
  return text;
}

json machineFacts(const DeviceProperties& device, int ordinal) {
  const std::string kib = valueIn("/proc/meminfo", "MemTotal");
  json facts = {{"date", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
                {"cpu", cpu()},
                {"cores", std::thread::hardware_concurrency()},
                {"memory_gib", kib.empty() ? json() : json(std::stoll(kib) >> 20)},
                {"os", orNull(valueIn("/etc/os-release", "PRETTY_NAME"))},
                {"load", nullptr},
                {"driver", Clocks(device, ordinal).driver()}};
  if (double load = 0; std::ifstream("/proc/loadavg") >> load)
    facts["load"] = load;
  try {
    facts["nvrtc"] = Toolchain::shared()->compiler();
  } catch (const std::exception&) { // there is none
    facts["nvrtc"] = nullptr;
  }
  facts["device"] = {{"name", device.name},
                     {"arch", device.arch},
                     {"emulated", device.emulated},
                     {"multiprocessors", device.multiprocessors},
                     {"l2_mib", device.l2_bytes >> 20},
                     {"memory_gib", device.memory_bytes >> 30}};
  return facts;
}

} // namespace attune::bench
