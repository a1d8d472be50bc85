#pragma once

#include "attune/compiler/Error.h"
#include "runtime/cuda/CudaDevice.h"
#include "tests/unit/runtime/fakes/FakeCuda.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace attune::cuda {

/// A machine with two fake GPUs.
class FakeGpus : public testing::Test {
protected:
  void SetUp() override { setenv("ATTUNE_CUDA_DRIVER", ATTUNE_FAKE_CUDA, 1); }
  void TearDown() override {
    EXPECT_EQ(gpu.live, 0) << "something was not destroyed";
    EXPECT_TRUE(gpu.memory.empty()) << "a buffer was not released";
    for (const fake::Gpu& each : gpu.gpus)
      EXPECT_EQ(each.retained, 0) << "a primary context was not released";
    EXPECT_EQ(gpu.pushed, 0) << "the caller's context is not back";
    unsetenv("ATTUNE_CUDA_DRIVER");
  }

  static std::unique_ptr<Device> open(int ordinal = 0) { return makeCudaDevice(loadDriver(), ordinal); }

  /// What a call says when it throws DeviceError.
  static std::string complaint(const std::function<void()>& call) {
    try {
      call();
    } catch (const DeviceError& error) {
      return error.what();
    }
    return "it threw nothing";
  }

  /// The names of the calls since `begin`, without those that set the context or the thread's capture mode.
  std::vector<std::string> calls(std::size_t begin = 0) const {
    std::vector<std::string> names(gpu.calls.begin() + static_cast<std::ptrdiff_t>(begin), gpu.calls.end());
    std::erase_if(names,
                  [](const std::string& name) { return name.starts_with("cuCtxP") || name.starts_with("cuThread"); });
    return names;
  }

  const Image cubin{Image::Kind::Cubin, "\177ELF"};
  fake::State& gpu = (fake::reset(), fake::state());
};

} // namespace attune::cuda
