#include "runtime/emulator/EmulatedDevice.h"

#include "attune/compiler/Error.h"
#include "runtime/emulator/Cluster.h"
#include "runtime/emulator/Decode.h"
#include "runtime/emulator/TensorMaps.h"
#include "runtime/support/TiledTensorRules.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <thread>

namespace attune::emulator {

namespace {

/// Limits of the GPUs that it can stand in for (CUDA C++ Programming Guide, compute capabilities).
struct TargetLimits {
  const char* name;
  unsigned number;
  int multiprocessors;
  std::size_t shared_per_block, shared_per_multiprocessor;
  int max_threads;
  std::size_t l2_bytes, memory_bytes;
};
constexpr std::size_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib;
constexpr TargetLimits targets[] = {
    {"sm_80", 80, 108, 163 * kib, 164 * kib, 2048, 40 * mib, 40 * gib}, // A100
    {"sm_86", 86, 84, 99 * kib, 100 * kib, 1536, 6 * mib, 24 * gib},    // A10
    {"sm_89", 89, 128, 99 * kib, 100 * kib, 1536, 72 * mib, 24 * gib},  // RTX 4090
    {"sm_90", 90, 132, 227 * kib, 228 * kib, 2048, 50 * mib, 80 * gib}, // H100
    {"sm_90a", 90, 132, 227 * kib, 228 * kib, 2048, 50 * mib, 80 * gib},
    {"sm_100", 100, 148, 227 * kib, 228 * kib, 2048, 126 * mib, 192 * gib}, // B200
    {"sm_120", 120, 170, 99 * kib, 100 * kib, 1536, 96 * mib, 32 * gib},    // RTX 5090
};

const TargetLimits& limitsOf(const std::string& name) {
  for (const TargetLimits& target : targets)
    if (name == target.name)
      return target;
  std::string known;
  for (const TargetLimits& target : targets)
    known += (known.empty() ? "" : ", ") + std::string(target.name);
  throw UserError(UserError::Kind::Invalid, "device 'emulated:" + name + "'", "there is no such target to stand in for",
                  "use one of " + known);
}

/// A module's variables in global memory, for as long as a kernel of it lives.
class LoadedKernel final : public DeviceKernel {
public:
  LoadedKernel(GlobalMemory& memory, const ptx::Module& module, const std::string& name) : memory_(memory) {
    try {
      GlobalAddresses addresses;
      for (const ptx::Variable& variable : module.variables)
        place(variable, addresses);
      for (const auto& [function_name, function] : module.functions)
        for (const ptx::Variable& variable : function.variables)
          place(variable, addresses);
      for (const auto& [variable, pointer] : placed_)
        initialize(*variable, pointer, addresses);
      program = decode(module, name, addresses);
    } catch (...) {
      releaseAll();
      throw;
    }
  }
  ~LoadedKernel() override { releaseAll(); }

  Program program;

private:
  void place(const ptx::Variable& variable, GlobalAddresses& addresses) {
    if (variable.space != ptx::Space::Global && variable.space != ptx::Space::Const)
      return;
    const DevicePtr pointer = memory_.allocate(variable.bytes, variable.name);
    placed_.emplace_back(&variable, pointer);
    addresses[variable.name] = pointer;
  }
  void initialize(const ptx::Variable& variable, DevicePtr pointer, const GlobalAddresses& addresses) {
    std::vector<std::byte> bytes = variable.initial;
    bytes.resize(variable.bytes); // PTX: without an initialiser it is zero
    for (const ptx::Relocation& relocation : variable.relocations) {
      const auto found = addresses.find(relocation.symbol);
      if (found == addresses.end())
        throw DeviceError("variable '" + variable.name + "' is initialised with the address of '" + relocation.symbol +
                          "', which is not in global memory");
      const std::uint64_t value = found->second + static_cast<std::uint64_t>(relocation.addend);
      std::memcpy(bytes.data() + relocation.offset, &value, relocation.bytes);
    }
    memory_.write(pointer, bytes);
    if (variable.space == ptx::Space::Const)
      memory_.protect(pointer);
  }
  void releaseAll() noexcept {
    for (const auto& [variable, pointer] : placed_)
      memory_.release(pointer);
  }

  GlobalMemory& memory_;
  std::vector<std::pair<const ptx::Variable*, DevicePtr>> placed_;
};

class EmulatedDevice final : public Device {
public:
  explicit EmulatedDevice(const Options& options)
      : options_(options), limits_(limitsOf(options.target)), memory_(options.seed) {
#ifdef __AVX2__
#  error "only the files of exec/ are built for AVX2"
#endif
#ifdef __x86_64__
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
      throw DeviceError("the emulated device needs a CPU with AVX2, FMA and F16C");
#endif
    properties_.name = "emulated " + options.target;
    properties_.arch = options.target;
    properties_.emulated = true;
    properties_.multiprocessors = limits_.multiprocessors;
    properties_.shared_per_block = limits_.shared_per_block;
    properties_.shared_per_multiprocessor = limits_.shared_per_multiprocessor;
    properties_.registers_per_multiprocessor = 65536;
    properties_.max_threads_per_multiprocessor = limits_.max_threads;
    properties_.l2_bytes = limits_.l2_bytes;
    properties_.memory_bytes = limits_.memory_bytes;
  }

  const DeviceProperties& properties() const override { return properties_; }
  DevicePtr allocate(std::size_t bytes, std::string_view name) override { return memory_.allocate(bytes, name); }
  void release(DevicePtr pointer) noexcept override { memory_.release(pointer); }
  void copyToDevice(DevicePtr destination, std::span<const std::byte> source) override {
    synchronize();
    memory_.write(destination, source);
  }
  void copyToHost(std::span<std::byte> destination, DevicePtr source) override {
    synchronize();
    memory_.read(destination, source);
  }

  std::shared_ptr<DeviceKernel> load(const Image& image, std::string_view kernel_name) override {
    if (image.kind != Image::Kind::Ptx)
      throw DeviceError("kernel '" + std::string(kernel_name) + "': the emulated device loads PTX, not cubins");
    const ptx::Module module = ptx::parse(image.bytes);
    if (module.target > limits_.number)
      throw DeviceError("kernel '" + std::string(kernel_name) + "' is PTX for sm_" + std::to_string(module.target) +
                        "; this device stands in for " + options_.target);
    return std::make_shared<LoadedKernel>(memory_, module, std::string(kernel_name));
  }

  TensorMap encode(const TiledTensor& tensor) override {
    if (limits_.number < 90)
      throw DeviceError(properties_.name + " has no tensor maps: they begin with sm_90");
    checkTiledTensor(tensor);
    return packTensorMap(tensor);
  }
  void launch(const DeviceKernel& kernel, const LaunchConfig& config, std::span<void* const> arguments, void*) override;
  void synchronize() override {
    const std::lock_guard lock(mutex_);
    written_.clear(), read_.clear();
  }
  Counters counters() const override {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

private:
  void check(const Program& program, const LaunchConfig& config, std::size_t arguments) const;
  Tally runBlocks(const Launch& launch) const;

  Options options_;
  const TargetLimits& limits_;
  DeviceProperties properties_;
  GlobalMemory memory_;
  mutable std::mutex mutex_; ///< launches run one after the other
  Counters counters_;
  std::vector<DevicePtr> written_, read_; ///< buffers that the last launch touched, if nobody has waited for it since
};

void EmulatedDevice::check(const Program& program, const LaunchConfig& config, std::size_t arguments) const {
  const std::string who = "kernel '" + program.kernel + "': ";
  if (arguments != program.parameters.size())
    throw DeviceError(who + "takes " + std::to_string(program.parameters.size()) + " arguments, got " +
                      std::to_string(arguments));
  const Dim3 block = config.block, grid = config.grid;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64)
    throw DeviceError(who + "a block of " + std::to_string(threads) + " threads; the limit is 1024");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
    throw DeviceError(who + "a grid of " + std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " +
                      std::to_string(grid.z) + "; the limits are 2147483647 x 65535 x 65535 and nothing may be zero");
  const Dim3 cluster = config.cluster;
  const std::uint64_t cluster_blocks = std::uint64_t{cluster.x} * cluster.y * cluster.z;
  if (cluster_blocks == 0 || cluster_blocks > 16 || grid.x % cluster.x != 0 || grid.y % cluster.y != 0 ||
      grid.z % cluster.z != 0)
    throw DeviceError(who + "a cluster of " + std::to_string(cluster_blocks) +
                      " blocks: 1 to 16, and each extent divides the grid's");
  if (cluster_blocks > 1 && limits_.number < 90)
    throw DeviceError(who + "a cluster: they begin with sm_90, and this device stands in for " + options_.target);
  if (program.static_shared + config.dynamic_shared > limits_.shared_per_block)
    throw DeviceError(who + std::to_string(program.static_shared + config.dynamic_shared) +
                      " bytes of shared memory; the limit of " + options_.target + " is " +
                      std::to_string(limits_.shared_per_block));
}

/// Blocks go in order to whichever host thread is free. Of several errors that of the lowest block is reported.
Tally EmulatedDevice::runBlocks(const Launch& launch) const {
  const std::uint64_t blocks = Cluster::count(launch.config);
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex merge;
  Tally total(launch.program->code.size(), launch.memory->size());
  std::exception_ptr error;
  std::uint64_t error_block = blocks;
  const auto work = [&] {
    Tally tally(launch.program->code.size(), launch.memory->size());
    std::uint64_t index = 0;
    try {
      Cluster cluster(launch, tally);
      while (!failed && (index = next++) < blocks)
        cluster.run(index);
    } catch (...) {
      const std::lock_guard lock(merge);
      if (!error || index < error_block)
        error = std::current_exception(), error_block = index;
      failed = true;
    }
    const std::lock_guard lock(merge);
    total.add(tally);
  };
  const unsigned cores = options_.threads != 0 ? options_.threads : std::max(std::thread::hardware_concurrency(), 1u);
  const auto count = static_cast<unsigned>(std::min<std::uint64_t>(cores, blocks));
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < count; ++i)
    threads.emplace_back(work);
  work();
  threads.clear();
  if (error)
    std::rethrow_exception(error);
  return total;
}

void EmulatedDevice::launch(const DeviceKernel& kernel, const LaunchConfig& asked, std::span<void* const> arguments,
                            void*) {
  const auto* loaded = dynamic_cast<const LoadedKernel*>(&kernel);
  if (loaded == nullptr)
    throw DeviceError("a kernel that was loaded on another device");
  const Program& program = loaded->program;
  LaunchConfig config = asked;
  if (program.cluster[0] != 0)
    config.cluster = {program.cluster[0], program.cluster[1], program.cluster[2]};
  check(program, config, arguments.size());
  const std::lock_guard lock(mutex_);
  counters_.clear();
  const MemoryView view = memory_.view();
  if (!config.overlaps_predecessor)
    written_.clear(), read_.clear();
  const MemoryView early = view.beside(written_, read_);
  Launch launch{&program, &view, &early, &memory_, &options_, config, {}};
  launch.parameters.resize(program.parameter_bytes);
  for (std::size_t i = 0; i < arguments.size(); ++i)
    std::memcpy(launch.parameters.data() + program.parameters[i].offset, arguments[i], program.parameters[i].bytes);
  written_.clear(), read_.clear();
  const Tally tally = runBlocks(launch);
  for (std::size_t n = 0; n < view.size(); ++n) {
    if (tally.writes[n].bytes != 0)
      written_.push_back(view[n].base);
    if (tally.reads[n].bytes != 0)
      read_.push_back(view[n].base);
  }
  counters_ = summarize(tally, program, view);
}

} // namespace

std::unique_ptr<Device> makeEmulatedDevice(const Options& options) { return std::make_unique<EmulatedDevice>(options); }

} // namespace attune::emulator
