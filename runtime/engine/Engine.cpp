#include "attune/attune.hpp"

#include "attune/compiler/Compile.h"
#include "runtime/engine/Arguments.h"
#include "runtime/engine/KernelCache.h"
#include "runtime/engine/Untuned.h"
#include "runtime/model/Chunks.h"

#include <algorithm>
#include <limits>
#include <mutex>

#include <fmt/format.h>

namespace attune {

struct Plan::Impl {
  std::shared_ptr<Device> device;
  AttentionSpec spec;
  Problem problem;
  Schedule schedule;
  int splits = 1;
  std::int64_t split_tiles = 0;
  std::shared_ptr<const CompiledAttention> compiled;
  std::vector<std::vector<BoundParameter>> parameters; ///< of compiled->kernels
  mutable std::once_flag described;
  mutable std::vector<PlannedKernel> kernels; ///< made when somebody looks
  DevicePtr o_partial = 0, lse_partial = 0;

  ~Impl() {
    if (o_partial)
      device->release(o_partial);
    if (lse_partial)
      device->release(lse_partial);
  }
};

namespace {

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// The grid for `queries` per sequence: a block beyond the last of them would have no bounds to keep to.
LaunchConfig configure(const Manifest& m, const AttentionSpec& spec, const Problem& p, std::int64_t queries, int splits,
                       const Device& device) {
  const std::int64_t rows = queries * (m.pack_gqa ? spec.q_heads / spec.kv_heads : 1);
  const auto term = [&](GridTerm t) -> std::int64_t {
    switch (t) {
    case GridTerm::QTiles:
      return ceilDiv(rows, m.q_tile);
    case GridTerm::Splits:
      return splits;
    case GridTerm::QHeads:
      return spec.q_heads;
    case GridTerm::KvHeads:
      return spec.kv_heads;
    case GridTerm::Batch:
      return p.batch;
    case GridTerm::QRowBlocks:
      return ceilDiv(queries, m.threads / 32); // a warp per row
    }
    return 1;
  };
  std::int64_t grid[3] = {1, 1, 1};
  for (int axis = 0; axis < 3; ++axis)
    for (const GridTerm t : m.grid[axis])
      grid[axis] *= term(t);
  if (grid[0] > std::numeric_limits<std::int32_t>::max())
    throw UserError(UserError::Kind::Unsupported, fmt::format("q_len {} with {} splits", queries, splits),
                    "a grid has at most 2^31 - 1 blocks in x", "launch parts of the queries");
  if (m.persistent) // one block each, however many pieces there are
    grid[0] = std::min<std::int64_t>(grid[0], device.properties().multiprocessors);
  const auto narrow = [](std::int64_t n) { return static_cast<unsigned>(n); };
  return {.grid = {narrow(grid[0]), narrow(grid[1]), narrow(grid[2])},
          .block = {narrow(m.threads), 1, 1},
          .dynamic_shared = static_cast<std::size_t>(m.shared_bytes),
          .overlaps_predecessor = m.starts_early};
}

/// a * b * ..., refused where it leaves the 64-bit integers.
std::size_t product(std::initializer_list<std::int64_t> factors, std::string_view what) {
  std::int64_t result = 1;
  for (const std::int64_t factor : factors)
    if (__builtin_mul_overflow(result, factor, &result))
      throw UserError(UserError::Kind::Unsupported, std::string(what) + " of these shapes",
                      "it has more bytes than 64 bits count", "launch parts of the batch, or fewer splits");
  return static_cast<std::size_t>(result);
}

} // namespace

const Plan::Impl& Plan::impl() const {
  if (!impl_)
    throw UserError(UserError::Kind::Invalid, "an empty plan", "Engine::prepare makes those that can be used",
                    "prepare it first");
  return *impl_;
}
const AttentionSpec& Plan::spec() const { return impl().spec; }
const Problem& Plan::problem() const { return impl().problem; }
const Schedule& Plan::schedule() const { return impl().schedule; }
int Plan::splits() const { return impl().splits; }
const std::vector<PlannedKernel>& Plan::kernels() const {
  const Impl& p = impl();
  std::call_once(p.described, [&p] {
    for (const CompiledAttention::Kernel& k : p.compiled->kernels) {
      const LaunchConfig config = configure(k.source.manifest, p.spec, p.problem, p.problem.q_len, p.splits, *p.device);
      p.kernels.push_back({k.source.manifest.name, k.source.cuda, config.grid, config.block,
                           k.source.manifest.shared_bytes, k.lower_ms, k.nvrtc_ms});
    }
  });
  return p.kernels;
}

struct Engine::Cache : KernelCache {
  using KernelCache::KernelCache;
};

Engine::Engine(std::shared_ptr<Device> device, std::shared_ptr<const ScheduleProvider> provider, CacheOptions cache)
    : device_(std::move(device)), provider_(std::move(provider)),
      cache_(std::make_unique<Cache>(device_, std::move(cache))) {}
Engine::~Engine() = default;

CacheCounters Engine::cacheCounters() const { return cache_->counters(); }

namespace {

void check(const AttentionSpec& spec, const Problem& p) {
  const auto invalid = [](const std::string& value, const std::string& rule, const std::string& remedy) {
    throw UserError(UserError::Kind::Invalid, value, rule, remedy);
  };
  constexpr std::int64_t longest = std::int64_t{1} << 30; // positions are 32-bit in kernels; offsets are 64-bit
  for (const auto& [name, value] :
       {std::pair{"batch", p.batch}, {"q_len", p.q_len}, {"kv_len", p.kv_len}, {"q_total", p.q_total}})
    if (value < 0 || value > longest)
      invalid(std::string(name) + " " + std::to_string(value), "it is between 0 and 2^30",
              "give the shapes of the tensors");
  if (p.batch > 65535)
    throw UserError(UserError::Kind::Unsupported, "batch " + std::to_string(p.batch),
                    "a grid has at most 65535 blocks in z", "launch parts of the batch");
  if (spec.varlen && p.q_total < p.q_len)
    invalid("q_total " + std::to_string(p.q_total), "it is at least the longest sequence, " + std::to_string(p.q_len),
            "give the last entry of cu_seqlens_q");
}

} // namespace

Plan Engine::prepare(const AttentionSpec& spec, const Problem& problem, const PrepareOptions& options) {
  validate(spec);
  check(spec, problem);
  const DeviceProperties& device = device_->properties();
  if (options.splits < 0)
    throw UserError(UserError::Kind::Invalid, "splits " + std::to_string(options.splits),
                    "it is a positive number, or 0 for the cost model's choice", "leave it out");
  if (spec.batch_invariant && options.splits > 0)
    throw UserError(UserError::Kind::Invalid, "splits " + std::to_string(options.splits),
                    "a batch_invariant spec fixes the size of a chunk, whatever their number", "leave it out");

  const ScheduleProvider::Choice choice = options.schedule
                                              ? pinned(spec, problem, *options.schedule, options.splits, device)
                                              : provider_->choose(spec, problem, device, options.splits);
  auto impl = std::make_shared<Plan::Impl>();
  impl->device = device_;
  impl->spec = spec;
  impl->problem = problem;
  impl->schedule = choice.schedule;
  impl->splits = choice.splits;
  impl->compiled = cache_->get(spec, choice.schedule, options.cache_only);
  if (choice.schedule.split_kv) {
    const model::Chunks chunks = model::cut(spec, model::keyTiles(spec, problem, choice.schedule), choice.splits);
    impl->splits = chunks.splits;
    impl->split_tiles = chunks.split_tiles;
    const std::int64_t rows = spec.varlen ? problem.q_total : problem.batch * problem.q_len;
    const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
    const auto bytes = [&](std::int64_t columns) {
      return product({rows, spec.q_heads, impl->splits, columns, 4}, "the workspace");
    };
    impl->o_partial = device_->allocate(bytes(head_dim_v), "o_partial");
    impl->lse_partial = device_->allocate(bytes(1), "lse_partial");
  }
  for (const CompiledAttention::Kernel& k : impl->compiled->kernels) {
    configure(k.source.manifest, spec, problem, problem.q_len, impl->splits,
              *device_); // refuses a grid that is too large
    impl->parameters.push_back(bind(k.source.manifest));
  }
  Plan plan;
  plan.impl_ = std::move(impl);
  return plan;
}

void Engine::launch(const Plan& plan, const Tensors& tensors, void* stream) {
  const Plan::Impl& p = plan.impl();
  if (p.device != device_)
    throw UserError(UserError::Kind::Invalid, "a plan for " + p.device->properties().name,
                    "it is launched by an engine of its own device", "prepare it with this engine");
  Arguments arguments(p.spec, p.problem, tensors, *device_);
  arguments.setSplits(p.splits, p.split_tiles);
  arguments.setPieces(p.schedule);
  arguments.setWorkspace(p.o_partial, p.lse_partial);
  for (std::size_t n = 0; n < p.parameters.size(); ++n) {
    const CompiledAttention::Kernel& kernel = p.compiled->kernels[n];
    const LaunchConfig config =
        configure(kernel.source.manifest, p.spec, p.problem, arguments.queries(), p.splits, *device_);
    if (config.grid.x == 0 || config.grid.y == 0 || config.grid.z == 0)
      continue; // no query at all
    device_->launch(*kernel.loaded, config, arguments.of(p.parameters[n]), stream);
  }
}

} // namespace attune
