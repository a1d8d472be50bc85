// What a request costs the host that finds its kernel in memory or on disk, without the driver's own share.
#include "attune/attune.hpp"
#include "runtime/engine/KernelCache.h"
#include "runtime/engine/KernelStore.h"

#include <benchmark/benchmark.h>

#include <filesystem>
#include <unistd.h>

namespace attune {
namespace {

/// A GPU that does nothing at all: what is left is ours.
class NullDevice final : public Device {
public:
  NullDevice() {
    properties_ = {.name = "null",
                   .arch = "sm_90a",
                   .multiprocessors = 132,
                   .shared_per_block = 227 << 10,
                   .shared_per_multiprocessor = 228 << 10,
                   .registers_per_multiprocessor = 65536,
                   .max_threads_per_multiprocessor = 2048};
  }
  const DeviceProperties& properties() const override { return properties_; }
  DevicePtr allocate(std::size_t, std::string_view) override { return 4096; }
  void release(DevicePtr) noexcept override {}
  void copyToDevice(DevicePtr, std::span<const std::byte>) override {}
  void copyToHost(std::span<std::byte>, DevicePtr) override {}
  std::shared_ptr<DeviceKernel> load(const Image&, std::string_view) override {
    return std::make_shared<DeviceKernel>();
  }
  TensorMap encode(const TiledTensor&) override { return {}; }
  void launch(const DeviceKernel&, const LaunchConfig&, std::span<void* const> arguments, void*) override {
    benchmark::DoNotOptimize(arguments.data());
  }
  void synchronize() override {}

private:
  DeviceProperties properties_;
};

/// A cache in a folder of its own.
class Folder {
public:
  Folder() { std::filesystem::create_directories(path_); }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  CacheOptions cache() const { return {.folder = path_.string()}; }

private:
  std::filesystem::path path_ = std::filesystem::temp_directory_path() / ("attune-bench-" + std::to_string(::getpid()));
};

const Folder folder;
const std::shared_ptr<Device> device = std::make_shared<NullDevice>();

struct Request {
  const char* preset;
  Problem problem;
};
const Request prefill{"qwen2.5-7b", {.batch = 1, .q_len = 4096, .kv_len = 4096}};
const Request decode{"qwen2.5-7b", {.batch = 1, .q_len = 1, .kv_len = 8192}};

/// The lookup of kernels that were loaded before.
void kernelInMemory(benchmark::State& state, const Request& request) {
  KernelCache kernels(device, folder.cache());
  const AttentionSpec& spec = preset(request.preset);
  const Schedule schedule = costModel()->choose(spec, request.problem, device->properties(), 0).schedule;
  kernels.get(spec, schedule, false);
  for (auto _ : state)
    benchmark::DoNotOptimize(kernels.find(spec, schedule));
}

/// A plan for shapes that were not asked for before, of kernels that are loaded: the schedule, the split count, the
/// grid.
void prepareInMemory(benchmark::State& state, const Request& request) {
  Engine engine(device, costModel(), folder.cache());
  const AttentionSpec& spec = preset(request.preset);
  engine.prepare(spec, request.problem);
  for (auto _ : state)
    benchmark::DoNotOptimize(engine.prepare(spec, request.problem));
}

/// The first request of a process, but for what it pays once: spec to text, the entry's bytes, its digest.
void kernelFromDisk(benchmark::State& state, const Request& request) {
  const AttentionSpec& spec = preset(request.preset);
  const Schedule schedule = costModel()->choose(spec, request.problem, device->properties(), 0).schedule;
  KernelCache(device, folder.cache()).get(spec, schedule, false);
  for (auto _ : state)
    benchmark::DoNotOptimize(KernelCache(device, folder.cache()).get(spec, schedule, true));
}

void launch(benchmark::State& state, const Request& request) {
  Engine engine(device, costModel(), folder.cache());
  const AttentionSpec& spec = preset(request.preset);
  const Problem& p = request.problem;
  const Buffer q(device, Element::BF16, {p.batch, p.q_len, spec.q_heads, spec.head_dim}, "q"),
      k(device, Element::BF16, {p.batch, p.kv_len, spec.kv_heads, spec.head_dim}, "k"),
      v(device, Element::BF16, {p.batch, p.kv_len, spec.kv_heads, spec.head_dim}, "v"),
      o(device, Element::BF16, {p.batch, p.q_len, spec.q_heads, spec.head_dim}, "o"),
      lse(device, Element::F32, {p.batch, spec.q_heads, p.q_len}, "lse");
  const Plan plan = engine.prepare(spec, p);
  const Tensors tensors{.q = q, .k = k, .v = v, .o = o, .lse = lse};
  for (auto _ : state)
    engine.launch(plan, tensors);
}

BENCHMARK_CAPTURE(kernelInMemory, prefill, prefill)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(prepareInMemory, prefill, prefill)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(prepareInMemory, split_decode, decode)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(kernelFromDisk, prefill, prefill)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(kernelFromDisk, split_decode, decode)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(launch, prefill, prefill)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(launch, split_decode, decode)->Unit(benchmark::kMicrosecond);

} // namespace
} // namespace attune
