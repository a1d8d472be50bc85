#include "runtime/emulator/EmulatedDevice.h"

#include "runtime/emulator/Counters.h"
#include "runtime/emulator/Warp.h"

#include "attune/compiler/Error.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace attune::emulator {

namespace {

struct Limits {
  std::string_view target;
  std::size_t shared_per_block, shared_per_multiprocessor;
  int multiprocessors, threads_per_multiprocessor;
};
// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"; multiprocessors of a common card of each
constexpr std::array<Limits, 6> limits{{{"sm_80", 163 << 10, 164 << 10, 108, 2048},
                                        {"sm_86", 99 << 10, 100 << 10, 84, 1536},
                                        {"sm_89", 99 << 10, 100 << 10, 128, 1536},
                                        {"sm_90", 227 << 10, 228 << 10, 132, 2048},
                                        {"sm_100", 227 << 10, 228 << 10, 148, 2048},
                                        {"sm_120", 99 << 10, 100 << 10, 170, 1536}}};

struct Kernel final : DeviceKernel {
  Program program;
};

class EmulatedDevice final : public Device {
public:
  explicit EmulatedDevice(const Options& options) : options_(options) {
    const auto* found = std::ranges::find(limits, options.target, &Limits::target);
    if (found == limits.end())
      throw UserError(UserError::Kind::Unsupported, "emulated device '" + options.target + "'", "it stands in for sm_80, 86, 89, 90, 100 or 120", "name one of these");
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
      throw DeviceError("the emulated device needs a CPU with AVX2 and FMA");
#endif
    properties_.name = "emulated " + options.target;
    properties_.arch = options.target;
    properties_.emulated = true;
    properties_.multiprocessors = found->multiprocessors;
    properties_.shared_per_block = found->shared_per_block;
    properties_.shared_per_multiprocessor = found->shared_per_multiprocessor;
    properties_.registers_per_multiprocessor = 65536;
    properties_.max_threads_per_multiprocessor = found->threads_per_multiprocessor;
    properties_.l2_bytes = std::size_t{40} << 20;
    properties_.memory_bytes = std::size_t{1} << 36;
  }

  const DeviceProperties& properties() const override { return properties_; }

  DevicePtr allocate(std::size_t bytes, std::string_view name) override {
    const std::scoped_lock lock(mutex_);
    return memory_.allocate(bytes, name);
  }
  void release(DevicePtr pointer) noexcept override {
    const std::scoped_lock lock(mutex_);
    memory_.release(pointer);
  }
  void copyToDevice(DevicePtr destination, std::span<const std::byte> source) override {
    const std::scoped_lock lock(mutex_);
    std::ranges::copy(source, place(destination, source.size()));
  }
  void copyToHost(std::span<std::byte> destination, DevicePtr source) override {
    const std::scoped_lock lock(mutex_);
    std::copy_n(place(source, destination.size()), destination.size(), destination.begin());
  }

  std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view kernel_name) override {
    if (image.kind != Image::Kind::Ptx)
      throw DeviceError("the emulated device runs PTX, not cubins");
    const Module module = parsePtx(image.bytes);
    const auto entry = std::ranges::find(module.entries, kernel_name, &Entry::name);
    if (entry == module.entries.end())
      throw DeviceError("the image has no kernel '" + std::string(kernel_name) + "'");
    auto kernel = std::make_shared<Kernel>();
    kernel->program = decode(*entry, module);
    for (const Program::Pointer& p : kernel->program.pointers) {
      const auto v = std::ranges::find(module.global, p.variable, &Variable::name);
      const DevicePtr at = allocate(v->bytes, p.variable);
      if (!v->initial.empty())
        copyToDevice(at, v->initial);
      kernel->program.constants.push_back({p.offset, true, at});
    }
    return kernel;
  }

  void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments, void*) override {
    const std::scoped_lock lock(mutex_);
    const Program& program = dynamic_cast<const Kernel&>(kernel).program;
    check(program, config, arguments);
    std::vector<std::byte> parameters(program.parameter_bytes);
    for (std::size_t n = 0; n < arguments.size(); ++n)
      std::copy_n(static_cast<const std::byte*>(arguments[n]), program.parameters[n].bytes, parameters.begin() + static_cast<std::ptrdiff_t>(program.parameters[n].offset));
    run(program, config, parameters);
  }

  void synchronize() override {}

  Counters counters() const override {
    const std::scoped_lock lock(mutex_);
    return counters_;
  }

private:
  std::byte* place(DevicePtr address, std::size_t bytes) {
    const Buffer* b = memory_.find(address, bytes);
    if (!b)
      throw DeviceError("copy of " + std::to_string(bytes) + " bytes outside every buffer: " + memory_.describe(address));
    return b->data.get() + (address - b->address);
  }

  void check(const Program& program, const LaunchConfig& config, std::span<void* const> arguments) const {
    const std::size_t threads = std::size_t{config.block.x} * config.block.y * config.block.z;
    const std::size_t shared = program.static_shared + config.dynamic_shared;
    if (arguments.size() != program.parameters.size())
      throw DeviceError("kernel " + program.name + " takes " + std::to_string(program.parameters.size()) + " arguments, got " + std::to_string(arguments.size()));
    if (threads == 0 || threads > static_cast<std::size_t>(program.max_threads))
      throw DeviceError("kernel " + program.name + " runs with at most " + std::to_string(program.max_threads) + " threads a block, got " + std::to_string(threads));
    if (shared > properties_.shared_per_block)
      throw DeviceError("kernel " + program.name + " asks for " + std::to_string(shared) + " bytes of shared memory, " + properties_.name + " has " + std::to_string(properties_.shared_per_block));
    if (config.grid.x == 0 || config.grid.y == 0 || config.grid.z == 0 || config.grid.y > 65535 || config.grid.z > 65535)
      throw DeviceError("kernel " + program.name + ": a grid of " + std::to_string(config.grid.x) + " x " + std::to_string(config.grid.y) + " x " + std::to_string(config.grid.z) + " blocks is not legal");
  }

  void run(const Program& program, const LaunchConfig& config, const std::vector<std::byte>& parameters) {
    const std::uint64_t blocks = std::uint64_t{config.grid.x} * config.grid.y * config.grid.z;
    const unsigned count = static_cast<unsigned>(std::min<std::uint64_t>(blocks, options_.threads ? options_.threads : std::max(1u, std::thread::hardware_concurrency())));
    std::vector<Traffic> traffic(count);
    std::atomic<std::uint64_t> next = 0;
    std::exception_ptr failure;
    std::uint64_t failed_at = ~0ull; // the first block in order is reported, so that the message is the same in every run
    std::mutex failing;
    const auto work = [&](Traffic& mine) {
      mine.executed.resize(program.ops.size());
      for (std::uint64_t n; (n = next++) < blocks;) {
        const Dim3 index{static_cast<unsigned>(n % config.grid.x), static_cast<unsigned>(n / config.grid.x % config.grid.y), static_cast<unsigned>(n / config.grid.x / config.grid.y)};
        try {
          BlockState state{program, memory_, options_, parameters, config.grid, config.block, index,
                           std::vector<std::byte>(program.static_shared + config.dynamic_shared, std::byte{0xff}), mine,
                           std::mt19937_64(options_.seed * 0x9e3779b97f4a7c15ull + n)};
          runBlock(state);
        } catch (...) {
          const std::scoped_lock lock(failing);
          if (n < failed_at) {
            failed_at = n;
            failure = std::current_exception();
          }
          next = blocks;
        }
      }
    };
    std::vector<std::thread> helpers;
    for (unsigned t = 1; t < count; ++t)
      helpers.emplace_back(work, std::ref(traffic[t]));
    work(traffic[0]);
    for (std::thread& t : helpers)
      t.join();
    counters_ = summarise(program, traffic);
    if (failure)
      std::rethrow_exception(failure);
  }

  Options options_;
  DeviceProperties properties_;
  mutable std::mutex mutex_;
  Memory memory_;
  Counters counters_;
};

} // namespace

std::unique_ptr<Device> makeEmulatedDevice(const Options& options) { return std::make_unique<EmulatedDevice>(options); }

} // namespace attune::emulator
