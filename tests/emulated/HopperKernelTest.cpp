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
constexpr HandWritten causal{"sm90_prefill_causal", "attention_forward", 128, 384, 163921};
constexpr HandWritten full{"sm90_prefill_full", "attention_forward", 176, 384, 213056};
constexpr HandWritten varlen{"sm90_prefill_varlen", "attention_forward", 128, 384, 163921};
constexpr HandWritten window{"sm90_sliding_window", "attention_forward", 128, 384, 163921};
constexpr HandWritten persistent{"sm90_prefill_persistent", "attention_forward", 128, 384, 196689};
constexpr HandWritten decode{"sm90_decode", "attention_partial", 64, 256, 213233};

AttentionSpec specOf(const HandWritten& kernel) {
  AttentionSpec spec{.q_heads = group, .kv_heads = 1, .head_dim = head_dim, .head_dim_v = head_dim};
  const std::string_view file = kernel.file;
  spec.causal = file == full.file ? Causal::None : Causal::BottomRight;
  spec.varlen = file == varlen.file;
  if (file == window.file)
    spec.window.left = 1023;
  return spec;
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

  std::string failure(const HandWritten& kernel, const Lengths& lengths, const reference::Tensors& tensors) {
    const Answer result = run(kernel, lengths, tensors);
    return reference::compare(specOf(kernel), lengths, tensors, result.o, result.lse).message;
  }
  std::string failure(const HandWritten& kernel, const Lengths& lengths) {
    return failure(kernel, lengths, random(kernel, lengths));
  }

  /// `blocks` of a persistent kernel; 0 for a kernel that has one per tile.
  Answer run(const HandWritten& kernel, const Lengths& lengths, const reference::Tensors& tensors, int blocks = 0) {
    const AttentionSpec spec = specOf(kernel);
    const DeviceTensors on_device(device, spec, lengths, tensors);
    const Tensors& t = on_device.tensors();
    unsigned longest = 0;
    for (int b = 0; b < lengths.batch(); ++b)
      longest = std::max<unsigned>(longest, lengths.sq(b));
    const std::int64_t lse_length = t.lse.shape.back();
    Parameters parameters = inputs(kernel, t);
    parameters.add(global(t.o)).add(Global{t.lse.data, spec.q_heads * lse_length, 1, lse_length});
    if (spec.varlen)
      parameters.add(t.cu_seqlens_q.data).add(t.cu_seqlens_k.data);
    else
      parameters.add(lengths.sq(0)).add(lengths.sk(0));
    parameters.add(scale);
    if (blocks) {
      parameters.add(spec.q_heads).add(lengths.batch()).add(3); // heads per section
      launch(kernel, {static_cast<unsigned>(blocks), 1, 1}, parameters);
    } else
      launch(kernel, {(longest + 127) / 128, group, static_cast<unsigned>(lengths.batch())}, parameters);
    return {on_device.o(), on_device.lse()};
  }

  /// The chunks of split-KV, merged on the host.
  Answer runSplit(const Lengths& lengths, const reference::Tensors& tensors, int splits) {
    const int sq = lengths.sq(0), sk = lengths.sk(0), rows = sq * group;
    const DeviceTensors on_device(device, specOf(decode), lengths, tensors);
    const Buffer o_partial(device, Element::F32, {splits, sq, group, head_dim}, "o_partial");
    const Buffer lse_partial(device, Element::F32, {splits, group, sq}, "lse_partial");
    Parameters parameters = inputs(decode, on_device.tensors());
    parameters.add(Global{o_partial.tensor().data, rows * head_dim, group * head_dim, head_dim});
    parameters.add(Global{lse_partial.tensor().data, rows, 1, sq}).add(sq).add(sk).add(scale).add(splits);
    parameters.add(((sk + 63) / 64 + splits - 1) / splits);
    launch(decode, {static_cast<unsigned>((rows + 63) / 64 * splits), 1, 1}, parameters);
    std::vector<float> o(splits * rows * head_dim), lse(splits * rows);
    o_partial.copyTo(std::as_writable_bytes(std::span(o)));
    lse_partial.copyTo(std::as_writable_bytes(std::span(lse)));

    Answer merged{std::vector<float>(rows * head_dim), std::vector<float>(rows)};
    for (int row = 0; row < rows; ++row) { // query by query, its heads one behind the other
      const int at = row % group * sq + row / group;
      double sum = 0;
      for (int chunk = 0; chunk < splits; ++chunk)
        sum += std::exp(lse[chunk * rows + at]);
      merged.lse[at] = static_cast<float>(std::log(sum));
      for (int chunk = 0; chunk < splits; ++chunk)
        if (const double weight = std::exp(lse[chunk * rows + at]) / sum; weight > 0)
          for (int d = 0; d < head_dim; ++d)
            merged.o[row * head_dim + d] += static_cast<float>(weight * o[(chunk * rows + row) * head_dim + d]);
    }
    return merged;
  }

private:
  static constexpr float scale = 0.08838834764831845f; // 1 / sqrt(128)

  Parameters inputs(const HandWritten& kernel, const Tensors& t) {
    Parameters parameters;
    parameters.add(global(t.q)).add(device->encode(tiles(t.k, kernel.kv_tile)));
    parameters.add(device->encode(tiles(t.v, kernel.kv_tile)));
    if (std::string_view(kernel.file) != full.file)
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

TEST_P(Hopper, CausalIsRight) {
  EXPECT_EQ(failure(causal, Lengths::dense(1, 150, 290)), "");
  EXPECT_EQ(failure(causal, Lengths::dense(1, 140, 20)), ""); // the first 120 rows see nothing
}

TEST_P(Hopper, PersistentIsRight) { // 7 heads of 3 tiles, 3 heads to a section, for 4 blocks; and more blocks than work
  const Lengths lengths = Lengths::dense(1, 290, 300);
  const reference::Tensors tensors = random(persistent, lengths);
  for (const int blocks : {4, 25}) {
    const Answer result = run(persistent, lengths, tensors, blocks);
    EXPECT_EQ(reference::compare(specOf(persistent), lengths, tensors, result.o, result.lse).message, "");
  }
}

TEST_P(Hopper, FullIsRight) { EXPECT_EQ(failure(full, Lengths::dense(2, 70, 500)), ""); }

TEST_P(Hopper, VarlenIsRight) { EXPECT_EQ(failure(varlen, {{0, 50, 50, 190, 191}, {0, 77, 140, 140, 440}}), ""); }

TEST_P(Hopper, SlidingWindowIsRight) { EXPECT_EQ(failure(window, Lengths::dense(1, 70, 1500)), ""); }

TEST_P(Hopper, DecodeIsRight) {
  const Lengths lengths = Lengths::dense(1, 3, 700);
  const reference::Tensors tensors = random(decode, lengths);
  const Answer result = runSplit(lengths, tensors, 3);
  EXPECT_EQ(reference::compare(specOf(decode), lengths, tensors, result.o, result.lse).message, "");
}

TEST_P(Hopper, ValuesReachExactlyTheRowsThatSeeThem) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const Lengths lengths = Lengths::dense(1, 150, 150);
  reference::Tensors tensors = random(causal, lengths);
  tensors.v[130 * head_dim + 5] = nan;
  tensors.v[131 * head_dim + 77] = inf;
  tensors.v[140 * head_dim + 77] = -inf;
  EXPECT_EQ(failure(causal, lengths, tensors), "");
}

TEST_P(Hopper, OtherSequencesAreOutOfReach) { // the rows behind a sequence's keys are another's
  reference::Tensors tensors = random(varlen, {{0, 50, 50, 90}, {0, 77, 140, 190}});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::fill_n(tensors.k.begin() + 77 * head_dim, 63 * head_dim, nan); // of a sequence without queries
  std::fill_n(tensors.v.begin() + 77 * head_dim, 63 * head_dim, nan);
  EXPECT_EQ(failure(varlen, {{0, 50, 50, 90}, {0, 77, 140, 190}}, tensors), "");
}

INSTANTIATE_TEST_SUITE_P(Seed, Hopper, testing::Values(1, 2));

} // namespace
} // namespace attune::test
