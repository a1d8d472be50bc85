#include "autotune/bench/Ceilings.h"

#include "autotune/bench/Kernels.h"

#include "attune/attune.hpp"
#include "runtime/reference/Random.h"
#include "runtime/support/Elements.h"
#include "runtime/toolchain/Toolchain.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace attune::bench {

namespace {

/// A kernel of kernels/, loaded.
std::shared_ptr<DeviceKernel> loadKernel(Device& device, const std::string& name, std::string_view symbol) {
  const DeviceProperties& properties = device.properties();
  const Image::Kind kind = properties.emulated ? Image::Kind::Ptx : Image::Kind::Cubin;
  return device.load(Toolchain::shared()->build(textOf(kernels(), name + ".cu"), properties.arch, kind, name).image,
                     symbol);
}

template <class T>
std::vector<T> download(const Buffer& buffer) {
  std::vector<T> host(buffer.bytes() / sizeof(T));
  buffer.copyTo(std::as_writable_bytes(std::span(host)));
  return host;
}

/// gl<T, Columns> of a matrix, with blocks of so many columns as heads.
struct MatrixView {
  DevicePtr data;
  std::int64_t batch, row, head;
};

/// C = A B^T of bf16 or e4m3, with the kernel that the target has.
class Matmul {
public:
  Matmul(std::shared_ptr<Device> device, DType dtype, int m, int n, int k)
      : hopper_(device->properties().arch == "sm_90a"), dtype_(dtype), device_(std::move(device)), m_(m), n_(n), k_(k),
        kernel_(loadKernel(*device_, hopper_ ? "matmul_sm90" : "matmul_sm80",
                           dtype == DType::E4M3 ? "matmul_fp8" : "matmul")),
        a_(dtype, m, k, device_, "a"), b_(dtype, n, k, device_, "b"), c_(device_, Element::F32, {m, n}, "c") {}

  void launch(void* stream) {
    const std::int64_t columns = 128 / static_cast<std::int64_t>(bytesOf(elementOf(dtype_)));
    const MatrixView a{a_.buffer.tensor().data, 0, k_, columns}, b{b_.buffer.tensor().data, 0, k_, columns};
    const MatrixView c{c_.tensor().data, 0, n_, hopper_ ? 256 : 128};
    if (hopper_) {
      const TensorMap a_map = device_->encode(map(a, m_, 128)), b_map = device_->encode(map(b, n_, 256));
      const int blocks = std::min(m_ / 128 * (n_ / 256), std::max(device_->properties().multiprocessors, 1));
      start({{static_cast<unsigned>(blocks)}, {384}, 196672}, &a_map, &b_map, &c, stream);
    } else {
      const auto blocks = static_cast<unsigned>(m_ / 256 * (n_ / 128));
      start({{blocks}, {256}, 98304}, &a, &b, &c, stream);
    }
  }

  double flops() const { return 2.0 * m_ * n_ * k_; }

  /// Of the last launch.
  std::string failure() const {
    // Hopper adds products of e4m3 with about 14 bits (DeepSeek-V3 report, section 3.3.2), once per 32 columns, to sums
    // of up to 4 sqrt(k). A product that is left out is off by 1 or so.
    const double least = 1e-3 * std::sqrt(k_), times = k_ / 32.0;
    const double off = dtype_ == DType::E4M3 ? times * 4 * std::sqrt(k_) * 0x1p-13 : 0;
    const std::vector<float> c = download<float>(c_);
    for (int i = 0; i < m_; i += 7)
      for (int j = 0; j < n_; j += 5) {
        double exact = 0;
        for (int x = 0; x < k_; ++x)
          exact += static_cast<double>(a_.value(i * k_ + x)) * b_.value(j * k_ + x);
        if (const float got = c[static_cast<std::size_t>(i) * n_ + j]; !(std::abs(got - exact) < std::max(least, off)))
          return fmt::format("C({}, {}) is {}, and should be {}", i, j, got, exact);
      }
    return {};
  }

private:
  /// Random: zeros would draw less power, and a GPU's clock depends on it.
  struct Operand {
    Operand(DType type, std::int64_t rows, std::int64_t columns, const std::shared_ptr<Device>& device,
            const char* name)
        : dtype(type), host(pattern(type, static_cast<std::size_t>(rows * columns), name)),
          buffer(device, elementOf(type), {rows, columns}, std::span(host), name) {}
    static std::vector<std::byte> pattern(DType type, std::size_t count, const char* name) {
      const reference::RandomStream stream(1, name);
      constexpr std::size_t period = 65521;
      const std::size_t size = bytesOf(elementOf(type));
      std::vector<std::byte> all(count * size);
      for (std::size_t n = 0; n < count; ++n)
        if (n < period)
          writeElement(type, &all[n * size], stream.normal(n));
        else
          std::copy_n(&all[(n - period) * size], size, &all[n * size]);
      return all;
    }
    float value(std::int64_t at) const {
      return readElement(dtype, &host[static_cast<std::size_t>(at) * bytesOf(elementOf(dtype))]);
    }
    DType dtype;
    std::vector<std::byte> host;
    Buffer buffer;
  };

  /// Boxes of 128 bytes of a row: `view.head` columns.
  TiledTensor map(const MatrixView& view, int rows, int box_rows) const {
    const auto columns = static_cast<std::uint64_t>(view.head), row = static_cast<std::uint64_t>(view.row);
    const std::uint64_t row_bytes = row * 128 / columns;
    TiledTensor tensor{.element = elementOf(dtype_), .data = view.data, .rank = 4, .swizzle = Swizzle::Bytes128};
    tensor.dims = {columns, static_cast<std::uint64_t>(rows), row / columns, 1};
    tensor.strides = {row_bytes, 128, row_bytes * static_cast<std::uint64_t>(rows)};
    tensor.box = {static_cast<std::uint32_t>(columns), static_cast<std::uint32_t>(box_rows), 1, 1};
    return tensor;
  }

  void start(const LaunchConfig& config, const void* a, const void* b, const void* c, void* stream) {
    const void* arguments[] = {a, b, c, &m_, &n_, &k_};
    device_->launch(*kernel_, config, {const_cast<void**>(arguments), std::size(arguments)}, stream);
  }

  bool hopper_;
  DType dtype_;
  std::shared_ptr<Device> device_;
  int m_, n_, k_;
  std::shared_ptr<DeviceKernel> kernel_;
  Operand a_, b_;
  Buffer c_;
};

class Copy {
public:
  Copy(std::shared_ptr<Device> device, std::int64_t chunks)
      : device_(std::move(device)), chunks_(chunks), kernel_(loadKernel(*device_, "copy", "copy")),
        host_(static_cast<std::size_t>(chunks) * 4),
        from_(device_, Element::I32, {chunks * 4}, std::as_bytes(std::span(fill(host_))), "from"),
        to_(device_, Element::I32, {chunks * 4}, "to") {}

  void launch(void* stream) {
    DevicePtr to = to_.tensor().data, from = from_.tensor().data;
    void* arguments[] = {&to, &from, &chunks_};
    device_->launch(*kernel_, {{static_cast<unsigned>((chunks_ + 1023) / 1024)}, {256}, 0}, arguments, stream);
  }
  double bytes() const { return 32.0 * static_cast<double>(chunks_); } // read and written
  std::string failure() const { return download<std::int32_t>(to_) == host_ ? "" : "the copy is not what was copied"; }

private:
  static std::vector<std::int32_t>& fill(std::vector<std::int32_t>& values) {
    for (std::size_t n = 0; n < values.size(); ++n)
      values[n] = static_cast<std::int32_t>(n * 2654435761u);
    return values;
  }
  std::shared_ptr<Device> device_;
  std::int64_t chunks_;
  std::shared_ptr<DeviceKernel> kernel_;
  std::vector<std::int32_t> host_;
  Buffer from_, to_;
};

class Exp2 {
public:
  Exp2(std::shared_ptr<Device> device, int blocks, int turns)
      : device_(std::move(device)), blocks_(blocks), turns_(turns),
        kernel_(loadKernel(*device_, "exp2", "exp2_chains")),
        out_(device_, Element::F32, {std::int64_t{blocks} * 256}, "out") {}

  void launch(void* stream) {
    DevicePtr out = out_.tensor().data;
    void* arguments[] = {&out, &turns_};
    device_->launch(*kernel_, {{static_cast<unsigned>(blocks_)}, {256}, 0}, arguments, stream);
  }
  double count() const { return 8.0 * 256 * blocks_ * turns_; }
  std::string failure() const {
    const std::vector<float> out = download<float>(out_);
    for (std::size_t thread = 0; thread < out.size(); ++thread) {
      double sum = 0;
      for (int i = 0; i < 8; ++i) {
        double x = static_cast<double>(thread % 32 + i) * 0.01;
        for (int turn = 0; turn < turns_; ++turn)
          x = std::exp2(-x);
        sum += x;
      }
      if (!(std::abs(out[thread] - sum) < 1e-4))
        return fmt::format("thread {} has {}, and should have {}", thread, out[thread], sum);
    }
    return {};
  }

private:
  std::shared_ptr<Device> device_;
  int blocks_, turns_;
  std::shared_ptr<DeviceKernel> kernel_;
  Buffer out_;
};

/// What a tiny one computes wrongly, or nothing.
template <class Kernel>
std::string tried(Device& device, Kernel&& kernel) {
  kernel.launch(nullptr);
  device.synchronize();
  return kernel.failure();
}

} // namespace

std::vector<Ceiling> ceilings(const std::shared_ptr<Device>& device, int samples) {
  const bool gpu = !device->properties().emulated;
  std::vector<Ceiling> all;
  const auto add = [&](const char* name, const char* unit, const std::string& failure, auto&& measure) {
    Ceiling ceiling{name, unit, failure, std::nullopt};
    if (gpu && failure.empty())
      ceiling.measured = measure();
    all.push_back(std::move(ceiling));
  };
  const auto timed = [&](auto&& kernel, double per_turn) { // per microsecond
    return rate(onDevice(*device, samples, [&](void* stream) { kernel.launch(stream); }, {}, 20000), per_turn);
  };

  const auto add_matmul = [&](const char* name, DType dtype) {
    add(name, "TFLOPS", tried(*device, Matmul(device, dtype, 256, 512, 384)), [&] {
      Matmul large(device, dtype, 8192, 8192, 8192);
      return timed(large, large.flops() * 1e-6);
    });
  };
  add_matmul("bf16_matmul", DType::BF16);
  if (device->properties().arch == "sm_90a")
    add_matmul("fp8_matmul", DType::E4M3);
  add("copy", "GB/s", tried(*device, Copy(device, 5000)), [&] {
    Copy large(device, std::int64_t{1} << 26); // 1 GiB
    return timed(large, large.bytes() * 1e-3);
  });
  add("exp2", "G/s", tried(*device, Exp2(device, 2, 9)), [&] {
    Exp2 large(device, device->properties().multiprocessors * 8, 4096);
    return timed(large, large.count() * 1e-3);
  });
  const auto kernel = loadKernel(*device, "empty", "empty");
  const auto launch = [&](void* stream) { device->launch(*kernel, {{1}, {32}, 0}, {}, stream); };
  launch(nullptr);
  device->synchronize();
  add("launch_graph", "us", "", [&] { return onDevice(*device, samples, launch); });
  add("launch", "us", "", [&] {
    constexpr int queued = 200;
    std::vector<double> us;
    for (int n = 0; n < samples; ++n) {
      const auto from = device->record();
      for (int i = 0; i < queued; ++i)
        launch(nullptr);
      us.push_back(device->microseconds(*from, *device->record()) / queued);
    }
    return summary(std::move(us));
  });
  return all;
}

} // namespace attune::bench
