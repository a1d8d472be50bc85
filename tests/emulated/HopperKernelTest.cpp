// The hand-written Hopper kernels of tests/nvrtc/kernels, run: the vocabulary of templates/ is right before the
// compiler prints a word of it.
#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/reference/DeviceTensors.h"
#include "runtime/reference/Random.h"
#include "runtime/toolchain/Toolchain.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

namespace attune::test {
namespace {

using reference::DeviceTensors;
using reference::Lengths;

constexpr int head_dim = 128, group = 7;

/// gl of the kernels: address, and strides of batch, row and head.
struct Global {
  DevicePtr data;
  std::int64_t batch, row, head;
};

Global global(const Tensor& t) {
  const bool varlen = t.shape.size() == 3;
  return {t.data, varlen ? 0 : t.strides[0], t.strides[varlen ? 0 : 1], t.strides[varlen ? 1 : 2]};
}

TiledTensor tiles(const Tensor& t, int rows) {
  const Global g = global(t);
  const bool varlen = t.shape.size() == 3;
  const auto extent = [](std::int64_t n) { return static_cast<std::uint64_t>(std::max<std::int64_t>(n, 1)); };
  TiledTensor map{.element = t.element, .data = t.data, .rank = 4};
  map.dims = {extent(t.shape.back()), extent(t.shape[varlen ? 0 : 1]), extent(t.shape[varlen ? 1 : 2]),
              extent(varlen ? 1 : t.shape[0])};
  map.strides = {static_cast<std::uint64_t>(g.row) * 2, static_cast<std::uint64_t>(g.head) * 2,
                 static_cast<std::uint64_t>(varlen ? g.row : g.batch) * 2};
  map.box = {64, static_cast<std::uint32_t>(rows), 1, 1};
  map.swizzle = Swizzle::Bytes128;
  return map;
}

/// Parameters in the order of the kernel's.
class Parameters {
public:
  template <class T>
  Parameters& add(const T& value) {
    auto bytes = std::make_unique<std::byte[]>(sizeof(T));
    std::memcpy(bytes.get(), &value, sizeof(T));
    pointers_.push_back(bytes.get());
    values_.push_back(std::move(bytes));
    return *this;
  }
  std::span<void* const> pointers() const { return pointers_; }

private:
  std::vector<std::unique_ptr<std::byte[]>> values_;
  std::vector<void*> pointers_;
};

struct HandWritten {
  const char* file;
  const char* name;
  int kv_tile, threads, shared;
};
constexpr HandWritten persistent{"sm90_prefill_persistent", "attention_forward", 128, 384, 196689};

AttentionSpec specOf(const HandWritten&) {
  return {.q_heads = group, .kv_heads = 1, .head_dim = head_dim, .head_dim_v = head_dim, .causal = Causal::BottomRight};
}

std::shared_ptr<DeviceKernel> load(Device& device, const HandWritten& kernel) {
  static std::map<std::string, Image> images; // each is compiled once
  const auto [image, missing] = images.try_emplace(kernel.file);
  if (missing) {
    std::ifstream file(std::string(ATTUNE_KERNELS "/") + kernel.file + ".cu");
    std::stringstream text;
    text << file.rdbuf();
    image->second = Toolchain::shared()->build(text.str(), "sm_90a", Image::Kind::Ptx, kernel.file).image;
  }
  return device.load(image->second, kernel.name);
}

struct Answer {
  std::vector<float> o, lse;
};

/// One problem, on a device that lands copies at the latest legal moment, or for odd seeds at a random one.
class Hopper : public testing::TestWithParam<std::uint64_t> {
protected:
  std::shared_ptr<Device> device = emulator::makeEmulatedDevice(
      {.target = "sm_90a", .seed = GetParam(), .random_landing = GetParam() % 2 == 1, .check_races = true});

  reference::Tensors random(const HandWritten& kernel, const Lengths& lengths) const {
    return reference::randomTensors(specOf(kernel), lengths, GetParam());
  }

  /// `blocks` of a persistent kernel.
  Answer run(const HandWritten& kernel, const Lengths& lengths, const reference::Tensors& tensors, int blocks) {
    const AttentionSpec spec = specOf(kernel);
    const DeviceTensors on_device(device, spec, lengths, tensors);
    const Tensors& t = on_device.tensors();
    const std::int64_t lse_length = t.lse.shape.back();
    Parameters parameters = inputs(kernel, t);
    parameters.add(global(t.o)).add(Global{t.lse.data, spec.q_heads * lse_length, 1, lse_length});
    parameters.add(lengths.sq(0)).add(lengths.sk(0)).add(scale);
    parameters.add(spec.q_heads).add(lengths.batch()).add(3); // heads per section
    launch(kernel, {static_cast<unsigned>(blocks), 1, 1}, parameters);
    return {on_device.o(), on_device.lse()};
  }

private:
  static constexpr float scale = 0.08838834764831845f; // 1 / sqrt(128)

  Parameters inputs(const HandWritten& kernel, const Tensors& t) {
    Parameters parameters;
    parameters.add(global(t.q)).add(device->encode(tiles(t.k, kernel.kv_tile)));
    parameters.add(device->encode(tiles(t.v, kernel.kv_tile)));
    parameters.add(global(t.v));
    return parameters;
  }
  void launch(const HandWritten& kernel, Dim3 grid, const Parameters& parameters) {
    device->launch(*load(*device, kernel),
                   {.grid = grid,
                    .block = {static_cast<unsigned>(kernel.threads), 1, 1},
                    .dynamic_shared = static_cast<std::size_t>(kernel.shared)},
                   parameters.pointers());
    device->synchronize();
  }
};

TEST_P(Hopper, PersistentIsRight) { // 7 heads of 3 tiles, 3 heads to a section, for 4 blocks; and more blocks than work
  const Lengths lengths = Lengths::dense(1, 290, 300);
  const reference::Tensors tensors = random(persistent, lengths);
  for (const int blocks : {4, 25}) {
    const Answer result = run(persistent, lengths, tensors, blocks);
    EXPECT_EQ(reference::compare(specOf(persistent), lengths, tensors, result.o, result.lse).message, "");
  }
}

INSTANTIATE_TEST_SUITE_P(Seed, Hopper, testing::Values(1, 2));

} // namespace
} // namespace attune::test
