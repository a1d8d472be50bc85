// How long a request takes that finds nothing in a cache: spec to CUDA text, and spec to cubin.
#include "attune/compiler/Compile.h"
#include "attune/compiler/DefaultSchedule.h"
#include "attune/compiler/Presets.h"
#include "autotune/search/Parallel.h"
#include "autotune/space/Space.h"
#include "runtime/toolchain/Toolchain.h"

#include <benchmark/benchmark.h>

namespace attune {
namespace {

struct Kernel {
  const char* preset;
  std::int64_t q_len;
  bool split_kv;
};
constexpr Kernel prefill{"qwen2.5-7b", 4096, false}, decode{"qwen2.5-7b", 1, true},
    window{"gemma-2-27b:local", 4096, false};

CompileResult lower(const Kernel& kernel, const Target& to) {
  const AttentionSpec& spec = preset(kernel.preset);
  return compile(spec, defaultSchedule(spec, to, kernel.q_len, kernel.split_kv), to);
}

void specToCuda(benchmark::State& state, const Kernel& kernel, const char* arch) {
  for (auto _ : state)
    benchmark::DoNotOptimize(lower(kernel, target(arch)));
}

/// The forward kernel, or the partial one: a combine kernel compiles beside it.
void specToCubin(benchmark::State& state, const Kernel& kernel, const char* arch) {
  const auto toolchain = Toolchain::shared();
  for (auto _ : state) {
    const CompileResult result = lower(kernel, target(arch));
    benchmark::DoNotOptimize(toolchain->build(result.kernels.front().cuda, arch, Image::Kind::Cubin));
  }
}

/// A search's first candidates, side by side: parallel efficiency is the time on one thread over threads times the
/// time.
void candidates(benchmark::State& state) {
  const AttentionSpec& spec = preset("qwen2.5-7b");
  const Problem decode_shape{.batch = 1, .q_len = 1, .kv_len = 8192, .q_total = 1};
  const std::vector<Schedule> all = autotune::enumerate({spec, target("sm_90a"), decode_shape}).feasible;
  const auto toolchain = Toolchain::shared();
  constexpr std::size_t count = 12;
  for (auto _ : state)
    autotune::parallelFor(count, static_cast<unsigned>(state.range(0)), [&](std::size_t i) {
      const CompileResult result = compile(spec, all[i * all.size() / count], target("sm_90a"));
      benchmark::DoNotOptimize(toolchain->build(result.kernels.front().cuda, "sm_90a", Image::Kind::Cubin));
    });
}
BENCHMARK(candidates)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

BENCHMARK_CAPTURE(specToCuda, prefill_sm_80, prefill, "sm_80")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(specToCuda, prefill_sm_90a, prefill, "sm_90a")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(specToCuda, sliding_window_sm_80, window, "sm_80")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(specToCuda, split_decode_sm_80, decode, "sm_80")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(specToCubin, prefill_sm_80, prefill, "sm_80")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(specToCubin, prefill_sm_90a, prefill, "sm_90a")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(specToCubin, split_decode_sm_80, decode, "sm_80")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(specToCubin, split_decode_sm_90a, decode, "sm_90a")->Unit(benchmark::kMillisecond)->UseRealTime();

} // namespace
} // namespace attune
