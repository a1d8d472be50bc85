#pragma once

#include "attune/Device.h"
#include "attune/compiler/Error.h"
#include "attune/compiler/Presets.h"
#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"
#include "attune/compiler/SpecJson.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace [[gnu::visibility("default")]] attune {

/// "auto" (the first GPU that Attune can use, else the emulated device), "cuda:0", "emulated" or "emulated:sm_90".
/// Throws UserError for another name and DeviceError if that device is not there. "auto" says in `why_no_gpu` why it
/// took none; it is empty otherwise.
std::shared_ptr<Device> openDevice(std::string_view name = "auto", std::string* why_no_gpu = nullptr);

/// A tensor in device memory that somebody else owns.
struct Tensor {
  DevicePtr data = 0;
  Element element = Element::BF16;
  std::vector<std::int64_t> shape{};
  std::vector<std::int64_t> strides{}; ///< in elements; empty: contiguous
  const Device* device = nullptr;      ///< that it lies on, where that is known: a Buffer says so
};

/// A tensor in device memory, released with the object.
class Buffer {
public:
  Buffer(std::shared_ptr<Device> device, Element element, std::vector<std::int64_t> shape,
         std::string_view name = "buffer");
  /// With the contents of `host`, which must have the size of the tensor.
  Buffer(std::shared_ptr<Device> device, Element element, std::vector<std::int64_t> shape,
         std::span<const std::byte> host, std::string_view name = "buffer");
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  operator const Tensor&() const { return tensor_; }
  const Tensor& tensor() const { return tensor_; }
  std::size_t bytes() const;
  void copyTo(std::span<std::byte> host) const;

private:
  std::shared_ptr<Device> device_;
  Tensor tensor_;
};

/// The shapes that a plan is made for. It serves any lengths up to q_len, kv_len and q_total, of this batch.
struct Problem {
  std::int64_t batch = 1;
  std::int64_t q_len = 0;   ///< queries per sequence; varlen: of the longest one
  std::int64_t kv_len = 0;  ///< keys per sequence; varlen: of the longest one
  std::int64_t q_total = 0; ///< varlen: rows of Q, what cu_seqlens_q ends in at most
};

/// What prepare() does about kernels that are not loaded.
enum class PrepareMode {
  Blocking,  ///< load or compile them
  CacheOnly, ///< load them, or throw CacheMiss
  /// Return at once with a plan that launches other kernels of the spec, if some are loaded: all of them serve any
  /// lengths, with another schedule only slower. A thread of the engine loads or compiles the plan's own, and launches
  /// take those from then on. Blocks if none is loaded: prepare one per spec while starting. Bits may change when the
  /// kernels do, so it is refused for a deterministic or batch_invariant spec.
  Background,
};

struct PrepareOptions {
  std::optional<Schedule> schedule{}; ///< default: the ScheduleProvider's choice
  int splits = 0;                     ///< chunks of the keys; 0: the provider's choice, 1: none
  PrepareMode mode = PrepareMode::Blocking;
};

/// prepare() was to take kernels from the cache alone, and one is not there.
class CacheMiss : public DeviceError {
public:
  using DeviceError::DeviceError;
};

/// Where compiled kernels and tuning records are kept between processes. runtime/cache/README.md says what it promises.
struct CacheOptions {
  /// Default: $ATTUNE_CACHE_DIR, else $XDG_CACHE_HOME/attune, else ~/.cache/attune. "": nowhere.
  std::optional<std::string> folder{};
  std::function<void(std::string_view)> warn{}; ///< default: a line on stderr. Called from any thread; must not throw
};

/// What became of an engine's requests for kernels (a kernel is all that one spec and schedule launch).
struct CacheCounters {
  std::uint64_t hits = 0;     ///< loaded before by this engine
  std::uint64_t loads = 0;    ///< binaries that were found on disk
  std::uint64_t compiles = 0; ///< binaries that were not
  std::uint64_t waits = 0;    ///< for another thread or process that compiled the same

  // Of plans in background mode:
  std::uint64_t general = 0;     ///< began with kernels of another schedule
  std::uint64_t specialized = 0; ///< of those, got their own since
  std::uint64_t failed = 0;      ///< of those, stay as they are: `warn` was told why
};

/// What a launch reads and writes. Shapes follow spec.layout: bshd and strided (batch, length, heads, dim), bhsd
/// (batch, heads, length, dim); varlen: (total, heads, dim).
struct Tensors {
  Tensor q{}, k{}, v{};                  ///< of spec.dtype
  Tensor o{};                            ///< of outputType(spec.dtype)
  Tensor lse{};                          ///< fp32 (batch, q_heads, q_len); varlen: (q_heads, total). Only if spec.lse
  Tensor cu_seqlens_q{}, cu_seqlens_k{}; ///< int32 (batch + 1). Only if spec.varlen
  Tensor alibi_slopes{};                 ///< fp32 (q_heads) or (batch, q_heads). Only if spec.alibi
  Tensor sink{};                         ///< fp32 (q_heads). Only if spec.sink
  /// fp32 (batch, kv_heads): what the elements of Q, K and V stand for is they times these; q_descale is of the q heads
  /// of a kv head together, as FlashAttention-3 has it. Only if spec.dtype is E4M3.
  Tensor q_descale{}, k_descale{}, v_descale{};
};

/// One kernel of a plan, for those who want to look.
struct PlannedKernel {
  std::string name;
  std::string cuda;
  Dim3 grid, block;
  int shared_bytes = 0;
  double lower_ms = 0; ///< spec to CUDA
  double nvrtc_ms = 0; ///< CUDA to binary; 0 if it was found on disk
};

/// Compiled, loaded kernels for one spec and shapes, with their workspace. A default-made one is empty: all it does is
/// throw UserError. Copies share kernels and workspace. Launches of one plan must not overlap if it splits; one that
/// was prepared in the background may come to.
class Plan {
public:
  const AttentionSpec& spec() const;
  const Problem& problem() const;

  // Of the kernels that a launch takes now. References stay valid as long as the plan.
  const Schedule& schedule() const;
  int splits() const;
  const std::vector<PlannedKernel>& kernels() const;

  /// False while it launches kernels of another schedule (PrepareMode::Background).
  bool specialized() const;
  /// Until it has its own kernels, or will not get them: they failed to compile, or the engine is gone. To be called
  /// before a graph captures a launch, since a graph keeps the kernels that it has seen.
  void wait() const;

private:
  friend class Engine;
  struct Impl;
  const Impl& impl() const;
  std::shared_ptr<const Impl> impl_;
};

/// Chooses schedules for the engine. Implementations must be thread-safe.
class ScheduleProvider {
public:
  struct Choice {
    Schedule schedule;
    int splits = 1;
  };
  virtual ~ScheduleProvider() = default;
  /// `splits`: what the caller asked for, 0 for free choice. Throws UserError if the spec cannot run on the device.
  virtual Choice choose(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                        int splits) const = 0;
};

/// Default schedules, and the split count by a cost model: a function of spec, shapes and device
/// (runtime/schedules/README.md).
std::shared_ptr<const ScheduleProvider> costModel();

/// What `attune tune` and `attune precompute` recorded for the spec and the device, at these shapes or near them; where
/// there is no record, and for what records do not decide (splits that the caller fixed, batch_invariant), costModel().
/// Records are looked up in the tiers of `cache`, once per bucket of shapes, so that an engine's bits stay: those that
/// come later are for the next Engine. `.folder = ""` has none but imported ones. Equal records give equal bits.
std::shared_ptr<const ScheduleProvider> tunedSchedules(CacheOptions cache = {});

/// Makes kernels on demand and launches them. Thread-safe; kernels are compiled once per spec, schedule and target.
class Engine {
public:
  /// With tunedSchedules(cache). Its warnings come once per text.
  explicit Engine(std::shared_ptr<Device> device = openDevice(), CacheOptions cache = {});
  /// `provider`: costModel(), or one of your own. Throws UserError if it is null.
  Engine(std::shared_ptr<Device> device, std::shared_ptr<const ScheduleProvider> provider, CacheOptions cache = {});
  ~Engine();

  /// Compiles, loads and allocates whatever launches of these shapes need. Throws UserError for an invalid spec, shapes
  /// or schedule, and DeviceError if there is no NVRTC and a kernel is in no cache, or no memory for the workspace. An
  /// engine is as good after a failure as before.
  Plan prepare(const AttentionSpec& spec, const Problem& problem, const PrepareOptions& options = {});

  /// Starts the plan's kernels on `stream` (a CUstream, or null). Checks the tensors, and throws UserError with value,
  /// rule and remedy. Does not compile, load, allocate or synchronise, so a graph may capture it: the graph then holds
  /// the tensors' addresses, and the plan and the tensors must outlive it. Contents of cu_seqlens are the caller's to
  /// check (checkOffsets).
  void launch(const Plan& plan, const Tensors& tensors, void* stream = nullptr);

  CacheCounters cacheCounters() const;

  /// The kernels that this engine has made or loaded, and the records that chose them, as one blob: one rank compiles,
  /// and the others load. A file of it is a bundle, which `attune cache import` takes.
  std::string exportCache() const;
  /// Puts a blob's kernels into this engine's cache, on disk or, if it has no folder, in memory; its records too, if
  /// the provider is tunedSchedules(). Says how many entries were new. Everything is checked before anything is taken:
  /// throws UserError for a damaged blob. Kernels are code: import only what a process that you trust has exported.
  std::size_t importCache(std::string_view blob);

  Device& device() { return *device_; }
  const std::shared_ptr<Device>& sharedDevice() const { return device_; }

private:
  struct State;
  std::shared_ptr<Device> device_;
  std::shared_ptr<const ScheduleProvider> provider_;
  std::unique_ptr<State> state_;
};

/// Throws UserError unless `offsets` (cu_seqlens, in host memory) start at 0, never decrease, and end at `total`.
void checkOffsets(std::string_view name, std::span<const std::int32_t> offsets, std::int64_t total);

} // namespace attune
