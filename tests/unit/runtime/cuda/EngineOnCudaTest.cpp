// The engine on CudaDevice, as far as it goes without a GPU: what the driver is given.
#include "tests/unit/runtime/cuda/Fixture.h"

#include "attune/attune.hpp"
#include "attune/compiler/Compile.h"
#include "attune/compiler/Target.h"
#include "runtime/engine/Arguments.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

namespace attune::cuda {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class EngineOnCuda : public FakeGpus {
protected:
  template <class T>
  T argument(std::size_t launch, std::size_t parameter) const {
    T value;
    const auto& bytes = gpu.launches.at(launch).arguments.at(parameter);
    EXPECT_EQ(bytes.size(), sizeof value);
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
};

TEST_F(EngineOnCuda, AutoTakesTheFirstGpuThatItCanUse) {
  std::string why = "?";
  gpu.gpus[0].major = 7;
  gpu.gpus[1].name = "the second";
  EXPECT_EQ(openDevice("auto", &why)->properties().name, "the second");
  EXPECT_EQ(why, "");
}

TEST_F(EngineOnCuda, AutoSaysWhyItTookNone) {
  const auto why = [] {
    std::string text;
    EXPECT_TRUE(openDevice("auto", &text)->properties().emulated);
    return text;
  };
  gpu.gpus[0].major = gpu.gpus[1].major = 7;
  EXPECT_THAT(why(), AllOf(HasSubstr("compute capability 7.0"), HasSubstr("; ")));
  gpu.gpus.clear();
  EXPECT_EQ(why(), "the driver sees no GPU");
  gpu.failures["cuInit"] = 803;
  EXPECT_THAT(why(), HasSubstr("reboot"));
  setenv("ATTUNE_CUDA_DRIVER", "/nowhere/libcuda.so", 1);
  EXPECT_THAT(why(), HasSubstr("no NVIDIA driver"));
}

/// A prefill: q, k, v, o, lse, sk, sq, scale in the order of the kernel's parameters.
TEST_F(EngineOnCuda, TheDriverGetsWhatTheKernelExpects) {
  gpu.gpus[0].major = 8;
  gpu.kernels["attention_forward"] = {};
  const AttentionSpec spec{.q_heads = 4, .kv_heads = 2, .head_dim = 64, .causal = Causal::BottomRight};
  {
    const std::shared_ptr<Device> device = openDevice("cuda:0");
    Engine engine(device, costModel());
    const Buffer q(device, Element::BF16, {2, 70, 4, 64}, "q"), k(device, Element::BF16, {2, 90, 2, 64}, "k"),
        v(device, Element::BF16, {2, 90, 2, 64}, "v"), o(device, Element::BF16, {2, 70, 4, 64}, "o"),
        lse(device, Element::F32, {2, 4, 70}, "lse");
    const Plan plan = engine.prepare(spec, {.batch = 2, .q_len = 70, .kv_len = 90}, {.splits = 1});
    gpu.parameter_bytes = {32, 32, 32, 32, 32, 4, 4, 4};
    const std::size_t before = gpu.calls.size();
    engine.launch(plan, {.q = q, .k = k, .v = v, .o = o, .lse = lse}, reinterpret_cast<void*>(std::uintptr_t{7}));
    EXPECT_THAT(calls(before), ElementsAre("cuLaunchKernelEx")) << "launch() does not load, allocate or synchronise";

    const auto first = argument<GlobalTensor>(0, 0), out = argument<GlobalTensor>(0, 3);
    EXPECT_EQ(first.data, q.tensor().data);
    EXPECT_EQ(first.batch, 70 * 4 * 64);
    EXPECT_EQ(first.row, 4 * 64);
    EXPECT_EQ(first.head, 64);
    EXPECT_EQ(out.data, o.tensor().data);
    EXPECT_EQ(argument<GlobalTensor>(0, 1).row, 2 * 64);
    const auto sums = argument<GlobalTensor>(0, 4);
    EXPECT_EQ(sums.batch, 4 * 70);
    EXPECT_EQ(sums.row, 1);
    EXPECT_EQ(sums.head, 70);
    EXPECT_EQ(argument<std::int32_t>(0, 5) + argument<std::int32_t>(0, 6), 70 + 90);
    EXPECT_FLOAT_EQ(argument<float>(0, 7), 0.125F);

    const PlannedKernel& planned = plan.kernels().at(0);
    const fake::Launch& launch = gpu.launches.at(0);
    EXPECT_THAT(launch.grid, ElementsAre(planned.grid.x, planned.grid.y, planned.grid.z));
    EXPECT_EQ(launch.dynamic_shared, static_cast<unsigned>(planned.shared_bytes));
    EXPECT_EQ(launch.stream, reinterpret_cast<void*>(std::uintptr_t{7}));
  }
}

TEST_F(EngineOnCuda, HoppersKernelsGetTensorMapsAtEachLaunch) {
  const std::shared_ptr<Device> device = openDevice("cuda:0");
  Engine engine(device, costModel());
  const AttentionSpec spec{.q_heads = 4, .kv_heads = 2, .head_dim = 128, .causal = Causal::BottomRight};
  const Buffer q(device, Element::BF16, {1, 300, 4, 128}, "q"), k(device, Element::BF16, {1, 300, 2, 128}, "k"),
      v(device, Element::BF16, {1, 300, 2, 128}, "v"), o(device, Element::BF16, {1, 300, 4, 128}, "o"),
      lse(device, Element::F32, {1, 4, 300}, "lse");
  gpu.kernels["attention_forward"] = {};
  const Plan plan = engine.prepare(spec, {.batch = 1, .q_len = 300, .kv_len = 300}, {.splits = 1});
  ASSERT_TRUE(plan.schedule().warp_specialized) << toText(plan.schedule());
  const std::size_t before = gpu.calls.size();
  engine.launch(plan, {.q = q, .k = k, .v = v, .o = o, .lse = lse});
  const std::string map = "cuTensorMapEncodeTiled"; // of Q, K, V and O
  EXPECT_THAT(calls(before), ElementsAre(map, map, map, map, "cuLaunchKernelEx"));
  EXPECT_LE(gpu.launches.at(0).dynamic_shared, 227U << 10);
}

/// Blocks of a persistent grid share the pieces: one block per multiprocessor, or per piece if there are fewer.
TEST_F(EngineOnCuda, PersistentGridsAreNoLargerThanTheDevice) {
  const std::shared_ptr<Device> device = openDevice("cuda:0");
  Engine engine(device, costModel());
  const AttentionSpec spec{.q_heads = 8, .kv_heads = 2, .head_dim = 128, .causal = Causal::BottomRight};
  gpu.kernels["attention_forward"] = {};
  struct Expected {
    std::int64_t length;
    std::int32_t section; ///< q heads whose keys and values fill half of 50 MiB of L2: of 2 x 2 kv heads all, or two
  };
  for (const auto& [length, section] : {Expected{300, 16}, Expected{16384, 8}}) {
    const Buffer q(device, Element::BF16, {2, length, 8, 128}, "q"), k(device, Element::BF16, {2, length, 2, 128}, "k"),
        v(device, Element::BF16, {2, length, 2, 128}, "v"), o(device, Element::BF16, {2, length, 8, 128}, "o"),
        lse(device, Element::F32, {2, 8, length}, "lse");
    const Plan plan = engine.prepare(spec, {.batch = 2, .q_len = length, .kv_len = length}, {.splits = 1});
    ASSERT_TRUE(plan.schedule().persistent) << toText(plan.schedule());
    const Manifest manifest = compile(spec, plan.schedule(), target("sm_90a")).kernels.at(0).manifest;
    std::map<std::string, std::size_t> index;
    gpu.parameter_bytes.clear();
    for (const Parameter& parameter : manifest.parameters) {
      index[parameter.name] = gpu.parameter_bytes.size();
      const std::map<Parameter::Kind, std::size_t> bytes = {{Parameter::Kind::Tensor, 32},
                                                            {Parameter::Kind::TensorMap, 128},
                                                            {Parameter::Kind::Pointer, 8},
                                                            {Parameter::Kind::I32, 4},
                                                            {Parameter::Kind::F32, 4}};
      gpu.parameter_bytes.push_back(bytes.at(parameter.kind));
    }
    const std::size_t at = gpu.launches.size();
    engine.launch(plan, {.q = q, .k = k, .v = v, .o = o, .lse = lse});
    const auto tiles = static_cast<std::int32_t>((length + plan.schedule().q_tile - 1) / plan.schedule().q_tile);
    const auto pieces = static_cast<unsigned>(tiles) * 8 * 2;
    EXPECT_THAT(gpu.launches.at(at).grid, ElementsAre(std::min(pieces, 132U), 1, 1)) << length;
    EXPECT_EQ(argument<std::int32_t>(at, index.at("q_tiles")), tiles);
    EXPECT_EQ(argument<std::int32_t>(at, index.at("heads")), 8 * 2);
    EXPECT_EQ(argument<std::int32_t>(at, index.at("section")), section);
  }
}

/// As a kernel of Hopper asks for them; the fake driver packs what it is told.
TEST_F(EngineOnCuda, TensorMapsDescribeTheCallersTensors) {
  const std::shared_ptr<Device> device = openDevice("cuda:0");
  const AttentionSpec spec{.q_heads = 4, .kv_heads = 2, .head_dim = 64, .head_dim_v = 96};
  const Manifest manifest{.name = "kernel",
                          .parameters = {{Parameter::Kind::Tensor, "q"},
                                         {Parameter::Kind::TensorMap, "k", 128, 64},
                                         {Parameter::Kind::TensorMap, "v", 80, 32},
                                         {Parameter::Kind::Tensor, "v"},
                                         {Parameter::Kind::I32, "sk"}}};
  const Buffer q(device, Element::BF16, {2, 7, 4, 64}, "q"), k(device, Element::BF16, {2, 90, 2, 64}, "k"),
      v(device, Element::BF16, {2, 90, 2, 96}, "v"), o(device, Element::BF16, {2, 7, 4, 96}, "o"),
      lse(device, Element::F32, {2, 4, 7}, "lse");
  const Problem problem{.batch = 2, .q_len = 7, .kv_len = 90};
  const auto words = [](const void* map) {
    std::array<std::uint64_t, 16> all;
    std::memcpy(all.data(), map, sizeof all);
    return all;
  };
  const auto parameters = bind(manifest);
  Arguments arguments(spec, problem, {.q = q, .k = k, .v = v, .o = o, .lse = lse}, *device);
  const auto values = arguments.of(parameters);
  ASSERT_EQ(values.size(), 5U);
  const auto k_map = words(values[1]), v_map = words(values[2]);
  const auto extent = [](std::uint64_t dim, std::uint64_t box) { return dim << 32 | box; };
  EXPECT_THAT(std::vector(k_map.begin() + 1, k_map.begin() + 11),
              ElementsAre(4, k.tensor().data, extent(64, 64), extent(90, 128), extent(2, 1), extent(2, 1), 2 * 64 * 2,
                          64 * 2, 90 * 2 * 64 * 2, 3 << 16 | 2 << 8)); // 128-byte swizzle, zero fill
  EXPECT_THAT(std::vector(v_map.begin() + 1, v_map.begin() + 11),
              ElementsAre(4, v.tensor().data, extent(96, 32), extent(90, 80), extent(2, 1), extent(2, 1), 2 * 96 * 2,
                          96 * 2, 90 * 2 * 96 * 2, 2 << 16 | 2 << 8)); // 64-byte swizzle

  // no key at all: a map of one row that nothing is visible of
  const Buffer no_k(device, Element::BF16, {2, 0, 2, 64}, "k"), no_v(device, Element::BF16, {2, 0, 2, 96}, "v");
  Arguments empty(spec, problem, {.q = q, .k = no_k, .v = no_v, .o = o, .lse = lse}, *device);
  EXPECT_EQ(words(empty.of(parameters)[1])[2], q.tensor().data);
}

} // namespace
} // namespace attune::cuda
