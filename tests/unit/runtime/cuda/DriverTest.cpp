// Finding and starting a driver: what is said when it is not there, too old, or does not start.
#include "tests/unit/runtime/cuda/Fixture.h"

#include "attune/attune.hpp"

namespace attune::cuda {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class DriverTest : public FakeGpus {};

TEST_F(DriverTest, AMissingLibraryIsNamed) {
  setenv("ATTUNE_CUDA_DRIVER", "/nowhere/libcuda.so.1", 1);
  EXPECT_THAT(complaint([] { loadDriver(); }),
              AllOf(HasSubstr("no NVIDIA driver"), HasSubstr("/nowhere/libcuda.so.1"), HasSubstr("emulated device")));
}

TEST_F(DriverTest, AnOldDriverIsToldItsVersionBeforeItsGaps) {
  gpu.version = 11040;
  EXPECT_THAT(complaint([] { loadDriver(); }),
              AllOf(HasSubstr("is for CUDA 11.4"), HasSubstr("12.0 or newer"), HasSubstr("Update it")));
  EXPECT_EQ(gpu.count("cuInit"), 0U);
}

TEST_F(DriverTest, ALibraryThatIsNoDriver) {
  setenv("ATTUNE_CUDA_DRIVER", "libc.so.6", 1);
  EXPECT_THAT(complaint([] { loadDriver(); }), HasSubstr("is for CUDA 0.0"));
}

TEST_F(DriverTest, AGapIsNamed) {
  setenv("ATTUNE_CUDA_DRIVER", ATTUNE_FAKE_CUDA_WITH_GAPS, 1);
  EXPECT_THAT(complaint([] { loadDriver(); }), AllOf(HasSubstr("has no cuInit"), HasSubstr("fake_cuda_with_gaps")));
}

TEST_F(DriverTest, WhatCuInitSaysIsPassedOn) {
  gpu.failures["cuInit"] = 802;
  EXPECT_THAT(complaint([] { loadDriver(); }),
              AllOf(HasSubstr("the NVIDIA driver does not start: cuInit: CUDA error 802"), HasSubstr("fabricmanager")));
}

TEST_F(DriverTest, ErrorsHaveCallNameTextAndRemedy) {
  const auto driver = loadDriver();
  EXPECT_EQ(complaint([&] { driver->check(2, "cuMemAlloc_v2", "a buffer"); }),
            "a buffer: cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY, out of memory. Free memory on the GPU, or use smaller "
            "shapes");
  EXPECT_EQ(complaint([&] { driver->check(12345, "cuInit", "x"); }), "x: cuInit: CUDA error 12345");
}

TEST_F(DriverTest, GpusAreCounted) {
  gpu.gpus.clear();
  EXPECT_EQ(complaint([] { open(0); }),
            "cuda:0 is not there: the driver sees 0 GPUs. Check nvidia-smi and CUDA_VISIBLE_DEVICES");
  gpu.gpus.resize(2);
  EXPECT_THAT(complaint([] { openDevice("cuda:2"); }), HasSubstr("cuda:2 is not there: the driver sees 2 GPUs"));
  gpu.gpus[1].name = "the second";
  EXPECT_EQ(openDevice("cuda:1")->properties().name, "the second");
}

TEST_F(DriverTest, ComputeCapabilitiesMapToTargets) {
  const auto arch = [&](int major, int minor) {
    gpu.gpus[0].major = major, gpu.gpus[0].minor = minor;
    return open()->properties().arch;
  };
  EXPECT_EQ(arch(8, 0), "sm_80");
  EXPECT_EQ(arch(8, 7), "sm_86") << "the newest of its major version that it can run";
  EXPECT_EQ(arch(8, 9), "sm_89");
  EXPECT_EQ(arch(9, 0), "sm_90a") << "with what only this very architecture has";
  EXPECT_EQ(arch(10, 0), "sm_100");
  EXPECT_EQ(arch(10, 3), "sm_100");
  EXPECT_EQ(arch(12, 1), "sm_120");
  EXPECT_THAT(complaint([&] { arch(7, 5); }), AllOf(HasSubstr("compute capability 7.5"), HasSubstr("8.x")));
  EXPECT_THAT(complaint([&] { arch(11, 0); }), HasSubstr("compute capability 11.0"));
}

} // namespace
} // namespace attune::cuda
