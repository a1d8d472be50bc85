// How fast the emulated device interprets, on one host thread. Figures: 20 M warp instructions/s and 5 GFLOP/s of
// tensor work.
#include "attune/attune.hpp"
#include "runtime/emulator/EmulatedDevice.h"

#include <benchmark/benchmark.h>

#include <vector>

namespace attune {
namespace {

void report(benchmark::State& state, const Counters& counters) {
  const auto per_launch = [&](const char* key) {
    return benchmark::Counter(static_cast<double>(counters.at(key)), benchmark::Counter::kIsIterationInvariantRate);
  };
  state.counters["warp_instructions/s"] = per_launch("instructions");
  state.counters["tensor_FLOP/s"] = per_launch("tensor_flops");
}

/// 2000 turns of `body` by eight warps.
void loop(benchmark::State& state, const char* body) {
  const auto device = emulator::makeEmulatedDevice({.threads = 1});
  const std::string ptx =
      std::string(
          ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n.reg .b32 %r<40>; .reg .f32 %f<40>; "
          ".reg .pred %p; .shared .align 16 .b8 tile[16384];\nmov.u32 %r0, 0; mov.u32 %r1, %tid.x; mov.u32 %r2, 1; "
          "mov.u32 %r3, 3; "
          "mov.f32 %f1, 0f3F800000; mov.f32 %f2, 0f3F000000; mov.f32 %f3, 0f3E800000; mov.u32 %r20, tile; shl.b32 "
          "%r21, %r1, 4; add.s32 %r20, %r20, %r21;\nLOOP:\n") +
      body + "\nadd.s32 %r0, %r0, 1; setp.lt.s32 %p, %r0, 2000; @%p bra LOOP;\nret;\n}\n";
  const auto kernel = device->load({Image::Kind::Ptx, ptx}, "k");
  for (auto _ : state)
    device->launch(*kernel, {{1}, {256}, 0}, {});
  report(state, device->counters());
}

constexpr const char* integers = "add.s32 %r4, %r1, %r0; shl.b32 %r5, %r4, 3; xor.b32 %r6, %r5, %r1; mad.lo.s32 %r7, "
                                 "%r6, %r3, %r4; and.b32 %r8, %r7, 255; max.s32 %r2, %r8, %r2;";
constexpr const char* floats = "fma.rn.f32 %f4, %f1, %f2, %f3; mul.f32 %f5, %f4, %f2; add.f32 %f6, %f5, %f1; max.f32 "
                               "%f1, %f6, %f3; ex2.approx.ftz.f32 %f7, %f5; sub.f32 %f1, %f1, %f7;";
constexpr const char* shared = "st.shared.v4.b32 [%r20], {%r1, %r1, %r1, %r1}; ld.shared.v4.b32 {%r4, %r5, %r6, %r7}, "
                               "[%r20]; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r8, %r9, %r10, %r11}, [%r20];";
constexpr const char* products = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f8, %f9, %f10, %f11}, {%r2, "
                                 "%r2, %r2, %r2}, {%r2, %r2}, {%f8, %f9, %f10, %f11};";

/// Causal prefill of Qwen2.5-7B's attention, as Attune compiles it; copies, softmax and stores included.
void attention(benchmark::State& state) {
  const std::int64_t length = 256;
  const std::shared_ptr<Device> device = emulator::makeEmulatedDevice({.threads = 1});
  Engine engine(device);
  const auto tensor = [&](std::int64_t heads, const char* name) {
    const std::vector<std::uint16_t> ones(static_cast<std::size_t>(length * heads * 128), 0x3f80);
    return Buffer(device, Element::BF16, {1, length, heads, 128}, std::as_bytes(std::span(ones)), name);
  };
  const Buffer q = tensor(28, "q"), k = tensor(4, "k"), v = tensor(4, "v"), o = tensor(28, "o");
  const Buffer lse(device, Element::F32, {1, 28, length}, "lse");
  const Plan plan = engine.prepare(preset("qwen2.5-7b"), {.batch = 1, .q_len = length, .kv_len = length});
  for (auto _ : state)
    engine.launch(plan, {.q = q, .k = k, .v = v, .o = o, .lse = lse});
  report(state, device->counters());
}

BENCHMARK_CAPTURE(loop, integers, integers)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(loop, floats, floats)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(loop, shared_memory, shared)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(loop, mma, products)->Unit(benchmark::kMillisecond);
BENCHMARK(attention)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace attune
