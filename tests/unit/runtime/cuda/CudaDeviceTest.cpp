// CudaDevice against a driver that holds it to the API's rules.
#include "tests/unit/runtime/cuda/Fixture.h"

#include <cstring>
#include <thread>

namespace attune::cuda {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class CudaDeviceTest : public FakeGpus {
protected:
  void SetUp() override {
    FakeGpus::SetUp();
    gpu.kernels["k"] = {};
    gpu.parameter_bytes = {8, 4};
  }
  std::uint64_t pointer = 0x1234567890;
  float scale = 0.125F;
  void* arguments[2] = {&pointer, &scale};
};

TEST_F(CudaDeviceTest, DescribesTheGpu) {
  const auto device = open();
  const DeviceProperties& p = device->properties();
  EXPECT_EQ(p.name, "NVIDIA H200");
  EXPECT_FALSE(p.emulated);
  EXPECT_EQ(p.multiprocessors, 132);
  EXPECT_EQ(p.shared_per_block, 227U << 10);
  EXPECT_EQ(p.shared_per_multiprocessor, 228U << 10);
  EXPECT_EQ(p.registers_per_multiprocessor, 65536);
  EXPECT_EQ(p.max_threads_per_multiprocessor, 2048);
  EXPECT_EQ(p.l2_bytes, 50U << 20);
  EXPECT_EQ(p.memory_bytes, std::size_t{139} << 30);
}

TEST_F(CudaDeviceTest, TheCallersContextIsBackAfterEachCall) {
  const auto other = open(1), device = open(0);
  const auto driver = loadDriver();
  Context callers = nullptr, current = nullptr;
  driver->cuDevicePrimaryCtxRetain(&callers, 1);
  driver->cuCtxPushCurrent_v2(callers);
  device->release(device->allocate(16, "x"));
  device->synchronize();
  driver->cuCtxPopCurrent_v2(&current);
  EXPECT_EQ(current, callers);
  driver->cuDevicePrimaryCtxRelease_v2(1);
}

TEST_F(CudaDeviceTest, WorksFromAThreadThatHasNoContext) {
  const auto device = open();
  std::thread([&] { device->release(device->allocate(16, "x")); }).join();
}

TEST_F(CudaDeviceTest, MemoryGoesRound) {
  const auto device = open();
  const DevicePtr buffer = device->allocate(6, "x");
  EXPECT_EQ(buffer % 256, 0U);
  const std::vector<std::byte> sent(6, std::byte{7});
  device->copyToDevice(buffer, sent);
  std::vector<std::byte> received(6);
  device->copyToHost(received, buffer);
  EXPECT_EQ(received, sent);
  device->copyToDevice(buffer, {}); // of nothing: no call
  device->copyToHost({}, buffer);
  EXPECT_EQ(gpu.count("cuMemcpyHtoD_v2"), 1U);
  EXPECT_EQ(gpu.count("cuMemcpyDtoH_v2"), 1U);
  device->release(buffer);
  device->release(device->allocate(0, "an empty tensor has an address too"));
}

TEST_F(CudaDeviceTest, WhatWasCopiedIsThere) { // for streams that do not wait for the default one, too
  const auto device = open();
  const DevicePtr buffer = device->allocate(6, "x");
  device->copyToDevice(buffer, std::vector<std::byte>(6, std::byte{7}));
  EXPECT_TRUE(gpu.staged.empty());
  device->release(buffer);
}

TEST_F(CudaDeviceTest, LoadsAllOfAKernelBeforeTheFirstLaunch) {
  const auto device = open();
  gpu.kernels["k"].static_shared = 1024;
  const std::size_t before = gpu.calls.size();
  const auto kernel = device->load(cubin, "k");
  EXPECT_THAT(calls(before), ElementsAre("cuLibraryLoadData", "cuLibraryGetKernel", "cuKernelGetFunction", "cuFuncLoad",
                                         "cuFuncGetAttribute", "cuFuncSetAttribute"));
  EXPECT_TRUE(gpu.kernels["k"].loaded);
  EXPECT_EQ(gpu.kernels["k"].dynamic_limit, (227 << 10) - 1024) << "static shared memory counts too";
}

TEST_F(CudaDeviceTest, LaunchPassesTheConfigAndTheValues) {
  const auto device = open();
  const auto kernel = device->load(cubin, "k");
  const std::size_t before = gpu.calls.size();
  auto* const stream = reinterpret_cast<void*>(std::uintptr_t{0x42});
  device->launch(*kernel, {.grid = {4, 3, 2}, .block = {128, 1, 1}, .dynamic_shared = 200 << 10}, arguments, stream);
  EXPECT_THAT(calls(before), ElementsAre("cuLaunchKernelEx")) << "launch() does nothing but launch";
  ASSERT_EQ(gpu.launches.size(), 1U);
  const fake::Launch& launch = gpu.launches[0];
  EXPECT_THAT(launch.grid, ElementsAre(4, 3, 2));
  EXPECT_THAT(launch.block, ElementsAre(128, 1, 1));
  EXPECT_EQ(launch.dynamic_shared, 200U << 10);
  EXPECT_EQ(launch.stream, stream);
  EXPECT_THAT(launch.cluster, ElementsAre(1, 1, 1));
  EXPECT_FALSE(launch.programmatic);
  EXPECT_EQ(std::memcmp(launch.arguments[0].data(), &pointer, 8), 0);
  EXPECT_EQ(std::memcmp(launch.arguments[1].data(), &scale, 4), 0);
}

TEST_F(CudaDeviceTest, ClustersAndProgrammaticLaunchAreAttributes) {
  const auto device = open();
  const auto kernel = device->load(cubin, "k");
  device->launch(*kernel, {.grid = {4, 4, 1}, .block = {384}, .cluster = {2, 1, 1}}, arguments, nullptr);
  device->launch(*kernel, {.grid = {4, 4, 1}, .block = {384}, .cluster = {2, 2, 1}, .overlaps_predecessor = true},
                 arguments, nullptr);
  ASSERT_EQ(gpu.launches.size(), 2U);
  EXPECT_THAT(gpu.launches[0].cluster, ElementsAre(2, 1, 1));
  EXPECT_FALSE(gpu.launches[0].programmatic);
  EXPECT_THAT(gpu.launches[1].cluster, ElementsAre(2, 2, 1));
  EXPECT_TRUE(gpu.launches[1].programmatic);
}

TEST_F(CudaDeviceTest, AFailedLaunchNamesKernelAndConfig) {
  const auto device = open();
  const auto kernel = device->load(cubin, "k");
  EXPECT_THAT(complaint([&] { device->launch(*kernel, {.grid = {3}, .block = {96}, .cluster = {2}}, arguments); }),
              HasSubstr("cuda:0: kernel k: launch of 3 x 1 x 1 blocks of 96 threads with 0 bytes of shared memory: "
                        "cuLaunchKernelEx: CUDA error 1"));
}

TEST_F(CudaDeviceTest, AKernelOfAnotherDeviceIsRefused) {
  const auto first = open(0), second = open(1);
  const auto kernel = first->load(cubin, "k");
  EXPECT_EQ(complaint([&] { second->launch(*kernel, {}, arguments); }),
            "cuda:1: launch of a kernel that was loaded on another device");
}

TEST_F(CudaDeviceTest, EncodesTensorMaps) {
  const auto device = open();
  const DevicePtr data = device->allocate(1 << 20, "k");
  const TensorMap map = device->encode({.element = Element::BF16,
                                        .data = data,
                                        .rank = 3,
                                        .dims = {128, 1000, 4},
                                        .strides = {1024, 256},
                                        .box = {64, 80, 1},
                                        .swizzle = Swizzle::Bytes128,
                                        .fill_nan = true});
  std::uint64_t words[16];
  std::memcpy(words, map.bytes.data(), sizeof words);
  EXPECT_EQ(words[0], 9U); // CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
  EXPECT_EQ(words[1], 3U);
  EXPECT_EQ(words[2], data);
  EXPECT_EQ(words[3], std::uint64_t{128} << 32 | 64);
  EXPECT_EQ(words[4], std::uint64_t{1000} << 32 | 80);
  EXPECT_EQ(words[5], std::uint64_t{4} << 32 | 1);
  EXPECT_EQ(words[6], 1024U);
  EXPECT_EQ(words[7], 256U);
  EXPECT_EQ(words[8], 3U << 16 | 2U << 8 | 1U); // SWIZZLE_128B, L2_PROMOTION_128B, NaN
  device->release(data);
}

TEST_F(CudaDeviceTest, WhatTheDriverWouldCallInvalidIsNamed) {
  const auto device = open();
  const TiledTensor good{.data = 4096, .rank = 2, .dims = {128, 1000}, .strides = {256}, .box = {64, 80}};
  const auto with = [&](auto&& change) {
    TiledTensor t = good;
    change(t);
    return complaint([&] { device->encode(t); });
  };
  EXPECT_EQ(with([](TiledTensor&) {}), "it threw nothing");
  EXPECT_EQ(with([](TiledTensor& t) { t.rank = 6; }), "tensor map: rank 6: it is 1 to 5");
  EXPECT_EQ(with([](TiledTensor& t) { t.data = 8; }), "tensor map: address 8: it is a multiple of 16");
  EXPECT_EQ(with([](TiledTensor& t) { t.dims[1] = 0; }), "tensor map: extent 0: it is 1 to 2^32");
  EXPECT_EQ(with([](TiledTensor& t) { t.strides[0] = 24; }), "tensor map: stride 24: it is a multiple of 16 bytes");
  EXPECT_THAT(with([](TiledTensor& t) { t.strides[0] = std::uint64_t{1} << 40; }), HasSubstr("it is below 2^40 bytes"));
  EXPECT_EQ(with([](TiledTensor& t) { t.box[1] = 257; }), "tensor map: box extent 257: it is 1 to 256");
  EXPECT_EQ(with([](TiledTensor& t) { t.box[0] = 4; }), "tensor map: box row of bytes 8: it is a multiple of 16");
  EXPECT_EQ(with([](TiledTensor& t) { t.swizzle = Swizzle::Bytes64; }),
            "tensor map: box row of bytes 128: the swizzle spans 64");
}

TEST_F(CudaDeviceTest, EventsAndGraphsMeasure) {
  const auto device = open();
  const auto kernel = device->load(cubin, "k");
  const DevicePtr buffer = device->allocate(8, "flush");
  const auto begin = device->record();
  const auto graph = device->capture([&](void* stream) {
    EXPECT_NE(stream, nullptr) << "the legacy stream cannot be captured";
    device->launch(*kernel, {.grid = {1}, .block = {32}}, arguments, stream);
  });
  device->replay(*graph);
  device->fill(buffer, std::byte{1}, 8);
  const auto end = device->record();
  EXPECT_DOUBLE_EQ(device->microseconds(*begin, *end), 250);
  EXPECT_EQ(gpu.count("cuGraphLaunch"), 1U);
  EXPECT_THROW(device->capture([](void*) { throw UserError(UserError::Kind::Invalid, "a", "b", "c"); }), UserError);
  EXPECT_EQ(gpu.count("cuStreamEndCapture"), 2U) << "a capture that was begun ends";
  device->release(buffer);
}

TEST_F(CudaDeviceTest, AKernelOutlivesItsDevice) {
  std::shared_ptr<DeviceKernel> kernel;
  {
    const auto device = open();
    kernel = device->load(cubin, "k");
  }
  EXPECT_EQ(gpu.count("cuLibraryUnload"), 0U);
  kernel.reset();
  EXPECT_EQ(gpu.count("cuLibraryUnload"), 1U);
}

TEST_F(CudaDeviceTest, ADriverThatCompilesPtxSaysWhatIsWrongWithIt) {
  const auto device = open();
  gpu.failures["cuLibraryLoadData"] = 222;
  gpu.jit_log = "ptxas application: Unsupported .version 9.0";
  EXPECT_THAT(complaint([&] { device->load({Image::Kind::Ptx, ".version 9.0"}, "k"); }),
              AllOf(HasSubstr("cuda:0: kernel k: ptxas application: Unsupported .version 9.0"),
                    HasSubstr("cuLibraryLoadData: CUDA error 222"), HasSubstr("ATTUNE_NVRTC")));
}

/// Every entry point that can fail: the message names it, and nothing leaks (TearDown looks).
class Failing : public CudaDeviceTest, public testing::WithParamInterface<const char*> {};

TEST_P(Failing, IsNamedAndLeaksNothing) {
  const std::string entry_point = GetParam();
  const auto work = [&] {
    const auto device = open();
    gpu.failures[entry_point] = 2;
    const auto remove = [this, &entry_point](Device* d) { gpu.failures.erase(entry_point), (void)d; };
    const std::unique_ptr<Device, decltype(remove)> repaired(device.get(), remove); // what follows is cleaning up
    const DevicePtr buffer = device->allocate(16, "x");
    const std::unique_ptr<const DevicePtr, std::function<void(const DevicePtr*)>> released(
        &buffer, [&](const DevicePtr* p) {
          gpu.failures.erase(entry_point);
          device->release(*p);
        });
    std::vector<std::byte> bytes(16);
    device->copyToDevice(buffer, bytes);
    device->copyToHost(bytes, buffer);
    device->fill(buffer, {}, 16);
    const auto kernel = device->load(cubin, "k");
    device->launch(*kernel, {.grid = {1}, .block = {32}}, arguments);
    device->encode({.data = buffer, .rank = 1, .dims = {8}, .box = {8}});
    const auto event = device->record();
    device->microseconds(*event, *event);
    device->replay(*device->capture([](void*) {}));
    device->synchronize();
  };
  const std::string expected = entry_point.substr(0, entry_point.find("_v"));
  EXPECT_THAT(complaint(work), AllOf(HasSubstr("cuda:0"), HasSubstr(expected), HasSubstr("CUDA_ERROR_OUT_OF_MEMORY")));
}

INSTANTIATE_TEST_SUITE_P(EntryPoints, Failing,
                         testing::Values("cuCtxPushCurrent_v2", "cuMemAlloc_v2", "cuMemcpyHtoD_v2",
                                         "cuStreamSynchronize", "cuMemcpyDtoH_v2", "cuMemsetD8Async",
                                         "cuLibraryLoadData", "cuLibraryGetKernel", "cuKernelGetFunction", "cuFuncLoad",
                                         "cuFuncGetAttribute", "cuFuncSetAttribute", "cuLaunchKernelEx",
                                         "cuTensorMapEncodeTiled", "cuEventCreate", "cuEventRecord",
                                         "cuEventSynchronize", "cuEventElapsedTime", "cuStreamCreate",
                                         "cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags",
                                         "cuGraphLaunch", "cuCtxSynchronize"));

/// Those that fail while the device is opened.
class FailingToOpen : public FakeGpus, public testing::WithParamInterface<const char*> {};

TEST_P(FailingToOpen, IsNamedAndLeaksNothing) {
  gpu.failures[GetParam()] = 2;
  const std::string expected = std::string(GetParam()).substr(0, std::string(GetParam()).find("_v"));
  EXPECT_THAT(complaint([] { open(); }), AllOf(HasSubstr(expected), HasSubstr("CUDA_ERROR_OUT_OF_MEMORY")));
}

INSTANTIATE_TEST_SUITE_P(EntryPoints, FailingToOpen,
                         testing::Values("cuInit", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName",
                                         "cuDeviceGetAttribute", "cuDeviceTotalMem_v2", "cuDevicePrimaryCtxRetain"));

} // namespace
} // namespace attune::cuda
