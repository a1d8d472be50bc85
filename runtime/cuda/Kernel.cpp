#include "runtime/cuda/Kernel.h"

#include "attune/compiler/Error.h"

#include <fmt/format.h>

#include <array>

namespace attune::cuda {

namespace {

// CUjit_option: what the driver's compiler says of PTX that it refuses.
constexpr int jit_error_log = 5, jit_error_log_bytes = 6;

} // namespace

Kernel::Kernel(std::shared_ptr<const Driver> driver, DeviceOrdinal device, const Image& image, std::string_view name,
               std::size_t shared_limit)
    : d_(std::move(driver)), who_(fmt::format("cuda:{}: kernel {}", device, name)), device_(device) {
  std::array<char, 4096> log{};
  int options[] = {jit_error_log, jit_error_log_bytes};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): so the driver wants its numbers
  void* values[] = {log.data(), reinterpret_cast<void*>(log.size())};
  // a cubin carries its size; PTX must end in a zero, which std::string guarantees
  const Result loaded = d_->cuLibraryLoadData(&library_, image.bytes.c_str(), options, values, 2, nullptr, nullptr, 0);
  log.back() = '\0';
  d_->check(loaded, "cuLibraryLoadData", log[0] == '\0' ? who_ : fmt::format("{}: {}", who_, log.data()));
  try {
    KernelHandle handle = nullptr;
    const std::string symbol(name);
    d_->check(d_->cuLibraryGetKernel(&handle, library_, symbol.c_str()), "cuLibraryGetKernel", who_);
    // modules load lazily: this, and not the first launch, is when it gets into the context
    d_->check(d_->cuKernelGetFunction(&function_, handle), "cuKernelGetFunction", who_);
    if (d_->cuFuncLoad != nullptr)
      d_->check(d_->cuFuncLoad(function_), "cuFuncLoad", who_);
    // Beyond 48 KiB a block has only what was asked for. All of it, once: launch() must not change state that other
    // launches see.
    int static_shared = 0;
    d_->check(d_->cuFuncGetAttribute(&static_shared, StaticSharedBytes, function_), "cuFuncGetAttribute", who_);
    d_->check(
        d_->cuFuncSetAttribute(function_, MaxDynamicSharedBytes, static_cast<int>(shared_limit) - static_shared),
        "cuFuncSetAttribute",
        fmt::format("{}: {} bytes of dynamic shared memory", who_, static_cast<int>(shared_limit) - static_shared));
  } catch (...) {
    d_->cuLibraryUnload(library_);
    throw;
  }
}

Kernel::~Kernel() {
  const BesideCaptures beside(*d_);
  d_->cuLibraryUnload(library_);
}

void Kernel::launch(const LaunchConfig& c, std::span<void* const> arguments, Stream stream) const {
  std::array<LaunchAttribute, 2> attributes;
  unsigned count = 0;
  if (c.cluster.x * c.cluster.y * c.cluster.z != 1)
    attributes[count++] = {.id = LaunchAttribute::ClusterDimension,
                           .value = {.cluster = {c.cluster.x, c.cluster.y, c.cluster.z}}};
  if (c.overlaps_predecessor)
    attributes[count++] = {.id = LaunchAttribute::ProgrammaticStreamSerialization, .value = {.programmatic = 1}};
  const LaunchDescription launch{.grid = {c.grid.x, c.grid.y, c.grid.z},
                                 .block = {c.block.x, c.block.y, c.block.z},
                                 .dynamic_shared = static_cast<unsigned>(c.dynamic_shared),
                                 .stream = stream,
                                 .attributes = attributes.data(),
                                 .attribute_count = count};
  const Result result = d_->cuLaunchKernelEx(&launch, function_, const_cast<void**>(arguments.data()), nullptr);
  if (result != Success) // the text is made only then: launches are counted in microseconds
    d_->check(result, "cuLaunchKernelEx",
              fmt::format("{}: launch of {} x {} x {} blocks of {} threads with {} bytes of shared memory", who_,
                          c.grid.x, c.grid.y, c.grid.z, c.block.x * c.block.y * c.block.z, c.dynamic_shared));
}

} // namespace attune::cuda
