#pragma once

#include "attune/compiler/Error.h"
#include "runtime/emulator/EmulatedDevice.h"

#include <cstring>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

namespace attune::emulator {

inline std::string fixture(const std::string& name) {
  std::ifstream file(std::string(ATTUNE_FIXTURES) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A device and what tests do with it again and again.
struct Harness {
  explicit Harness(const Options& options = {}) : device(makeEmulatedDevice(options)) {}

  template <class T>
  DevicePtr upload(const std::vector<T>& values, std::string_view name) {
    const DevicePtr pointer = device->allocate(values.size() * sizeof(T), name);
    device->copyToDevice(pointer, std::as_bytes(std::span(values)));
    return pointer;
  }
  template <class T>
  std::vector<T> download(DevicePtr pointer, std::size_t count) {
    std::vector<T> values(count);
    device->copyToHost(std::as_writable_bytes(std::span(values)), pointer);
    return values;
  }
  template <class... Args>
  void launch(const std::string& ptx, const std::string& kernel, Dim3 grid, Dim3 block, Args... args) {
    const auto loaded = device->load({Image::Kind::Ptx, ptx}, kernel);
    void* pointers[] = {&args..., nullptr};
    device->launch(*loaded, {grid, block, dynamic_shared}, std::span<void* const>(pointers, sizeof...(Args)));
  }
  /// The message of the DeviceError that f() must throw.
  template <class F>
  static std::string errorOf(F f) {
    try {
      f();
    } catch (const DeviceError& error) {
      return error.what();
    }
    ADD_FAILURE() << "no DeviceError";
    return {};
  }

  std::unique_ptr<Device> device;
  std::size_t dynamic_shared = 0;
};

/// PTX of one kernel `k` from its parameters, declarations and statements.
inline std::string kernelText(const std::string& parameters, const std::string& body) {
  return ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(" + parameters + ")\n{\n" + body +
         "\nret;\n}\n";
}

} // namespace attune::emulator
