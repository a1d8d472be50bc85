#include "attune/attune.hpp"

#include "attune/compiler/Compile.h"
#include "runtime/engine/Background.h"
#include "runtime/engine/KernelStore.h"
#include "runtime/engine/PlanImpl.h"
#include "runtime/model/Chunks.h"
#include "runtime/schedules/TunedSchedules.h"
#include "runtime/schedules/Untuned.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <set>

#include <fmt/format.h>

namespace attune {

namespace {

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// The grid for `queries` per sequence: a block beyond the last of them would have no bounds to keep to.
LaunchConfig configure(const Manifest& m, const AttentionSpec& spec, const Problem& p, std::int64_t queries, int splits,
                       const Device& device) {
  const std::int64_t rows = queries * (m.pack_gqa ? spec.q_heads / spec.kv_heads : 1);
  const auto term = [&](GridTerm t) -> std::int64_t {
    switch (t) {
    case GridTerm::QTiles: // whole clusters: a block of the last may have no rows
      return ceilDiv(rows, m.q_tile * m.cluster) * m.cluster;
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
          .cluster = {narrow(m.cluster), 1, 1},
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
const Schedule& Plan::schedule() const { return impl().current.load()->schedule; }
int Plan::splits() const { return impl().current.load()->splits; }
const std::vector<PlannedKernel>& Plan::kernels() const {
  const Impl& p = impl();
  const Variant& v = *p.current.load();
  std::call_once(v.described, [&] {
    for (const CompiledAttention::Kernel& k : v.compiled->kernels) {
      const LaunchConfig config = configure(k.source.manifest, p.spec, p.problem, p.problem.q_len, v.splits, *p.device);
      v.kernels.push_back({k.source.manifest.name, k.source.cuda, config.grid, config.block,
                           k.source.manifest.shared_bytes, k.lower_ms, k.nvrtc_ms});
    }
  });
  return v.kernels;
}
bool Plan::specialized() const { return impl().current.load() != impl().general.get(); }
void Plan::wait() const { impl().pending.wait(true); }

struct Engine::State {
  State(std::shared_ptr<Device> device, const std::shared_ptr<const ScheduleProvider>& provider, CacheOptions options)
      : warn(options.warn), tuned(std::dynamic_pointer_cast<const schedules::TunedSchedules>(provider)),
        kernels(std::move(device), std::move(options)) {}

  std::function<void(std::string_view)> warn;
  std::shared_ptr<const schedules::TunedSchedules> tuned; ///< the provider, if it is the one that reads records
  KernelCache kernels;
  std::atomic<std::uint64_t> general = 0, specialized = 0, failed = 0;
  Background background; ///< last: its thread uses the others
};

namespace {

/// Says each text once: kernels and records are in one folder, and without NVRTC every plan would say the same.
CacheOptions sayingOnce(CacheOptions options) {
  struct Said {
    std::mutex mutex;
    std::set<std::string, std::less<>> texts;
  };
  options.warn = [said = std::make_shared<Said>(), warn = std::move(options.warn)](std::string_view text) {
    {
      const std::scoped_lock lock(said->mutex);
      if (!said->texts.emplace(text).second)
        return;
    }
    if (warn)
      warn(text);
    else
      std::fprintf(stderr, "attune: %.*s\n", static_cast<int>(text.size()), text.data());
  };
  return options;
}

} // namespace

Engine::Engine(std::shared_ptr<Device> device, CacheOptions cache) : device_(std::move(device)) {
  cache = sayingOnce(std::move(cache));
  provider_ = tunedSchedules(cache);
  state_ = std::make_unique<State>(device_, provider_, std::move(cache));
}
Engine::Engine(std::shared_ptr<Device> device, std::shared_ptr<const ScheduleProvider> provider, CacheOptions cache)
    : device_(std::move(device)), provider_(std::move(provider)),
      state_(std::make_unique<State>(device_, provider_, sayingOnce(std::move(cache)))) {
  if (!provider_)
    throw UserError(UserError::Kind::Invalid, "a ScheduleProvider that is null", "an engine asks one for schedules",
                    "give costModel(), or leave it out");
}
Engine::~Engine() = default;

CacheCounters Engine::cacheCounters() const {
  CacheCounters counters = state_->kernels.counters();
  counters.general = state_->general, counters.specialized = state_->specialized, counters.failed = state_->failed;
  return counters;
}

std::string Engine::exportCache() const {
  cache::BundleWriter bundle;
  state_->kernels.addTo(bundle);
  if (state_->tuned)
    state_->tuned->addTo(bundle);
  return std::move(bundle).finish();
}

std::size_t Engine::importCache(std::string_view blob) {
  std::vector<cache::EntryStore*> stores{&state_->kernels.store()};
  if (state_->tuned)
    stores.push_back(&state_->tuned->writable());
  const auto check = [&](const cache::EntryStore& store, const cache::EntryInfo& entry) {
    const bool is_kernel = &store == stores[0];
    if (is_kernel ? fromPayload(entry.payload).has_value() : schedules::recordFromPayload(entry.payload).has_value())
      return;
    throw UserError(UserError::Kind::Invalid, "a bundle in memory",
                    fmt::format("it has a {} that cannot be read", is_kernel ? "kernel" : "tuning record"),
                    "export it again, by the same version of Attune");
  };
  const std::size_t taken = cache::importBundle(stores, blob, "in memory", check).entries;
  if (state_->tuned)
    state_->tuned->looksAgain();
  return taken;
}

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

/// Kernels under a choice, with the chunks that these shapes get. Throws UserError for a grid that is too large.
std::unique_ptr<const Variant> variant(const AttentionSpec& spec, const Problem& problem,
                                       const ScheduleProvider::Choice& choice,
                                       std::shared_ptr<const CompiledAttention> compiled, const Device& device) {
  auto v = std::make_unique<Variant>();
  v->schedule = choice.schedule;
  v->splits = choice.splits;
  v->compiled = std::move(compiled);
  if (choice.schedule.split_kv) {
    const model::Chunks chunks = model::cut(spec, model::keyTiles(spec, problem, choice.schedule), choice.splits);
    v->splits = chunks.splits;
    v->split_tiles = chunks.split_tiles;
  }
  for (const CompiledAttention::Kernel& k : v->compiled->kernels)
    configure(k.source.manifest, spec, problem, problem.q_len, v->splits, device);
  return v;
}

/// Chunks that need a workspace.
std::int64_t partials(const AttentionSpec& spec, const Problem& problem, const ScheduleProvider::Choice& choice) {
  return choice.schedule.split_kv
             ? model::cut(spec, model::keyTiles(spec, problem, choice.schedule), choice.splits).splits
             : 0;
}

void check(const AttentionSpec& spec, const PrepareOptions& options) {
  const auto invalid = [](const std::string& value, const std::string& rule, const std::string& remedy) {
    throw UserError(UserError::Kind::Invalid, value, rule, remedy);
  };
  if (options.splits < 0)
    invalid("splits " + std::to_string(options.splits), "it is a positive number, or 0 for the cost model's choice",
            "leave it out");
  if (spec.batch_invariant && options.splits > 0)
    invalid("splits " + std::to_string(options.splits),
            "a batch_invariant spec fixes the size of a chunk, whatever their number", "leave it out");
  if (options.mode == PrepareMode::Background && (spec.deterministic || spec.batch_invariant))
    invalid(spec.batch_invariant ? "a batch_invariant spec in background mode"
                                 : "a deterministic spec in background mode",
            "its bits would change when its own kernels are done",
            "prepare it blocking, or set deterministic and batch_invariant to false");
}

} // namespace

Plan Engine::prepare(const AttentionSpec& spec, const Problem& problem, const PrepareOptions& options) {
  validate(spec);
  check(spec, problem);
  check(spec, options);
  const DeviceProperties& device = device_->properties();
  KernelCache& kernels = state_->kernels;
  const ScheduleProvider::Choice choice =
      options.schedule ? schedules::pinned(spec, problem, *options.schedule, options.splits, device)
                       : provider_->choose(spec, problem, device, options.splits);
  std::optional<ScheduleProvider::Choice> general;
  std::shared_ptr<const CompiledAttention> compiled;
  if (options.mode == PrepareMode::Background && !(compiled = kernels.find(spec, choice.schedule)))
    general = schedules::fastest(spec, problem, kernels.schedules(spec), options.splits, device);
  if (!compiled) // what is general is loaded: get() neither misses nor compiles
    compiled = kernels.get(spec, general ? general->schedule : choice.schedule, options.mode == PrepareMode::CacheOnly);

  auto impl = std::make_shared<Plan::Impl>();
  impl->device = device_;
  impl->spec = spec;
  impl->problem = problem;
  if (general) {
    impl->general = variant(spec, problem, *general, std::move(compiled), *device_);
    impl->current = impl->general.get();
  } else {
    impl->take(variant(spec, problem, choice, std::move(compiled), *device_));
  }
  // For both, so that the switch needs no memory.
  const std::int64_t most = std::max(partials(spec, problem, choice), general ? partials(spec, problem, *general) : 0);
  if (most > 0) {
    const std::int64_t rows = spec.varlen ? problem.q_total : problem.batch * problem.q_len;
    const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
    const auto bytes = [&](std::int64_t columns) {
      return product({rows, spec.q_heads, most, columns, 4}, "the workspace");
    };
    impl->o_partial = device_->allocate(bytes(head_dim_v), "o_partial");
    impl->lse_partial = device_->allocate(bytes(1), "lse_partial");
  }
  if (general) {
    ++state_->general;
    impl->pending = true;
    const std::weak_ptr<Plan::Impl> weak = impl;
    const auto specialize = [state = state_.get(), weak, spec, problem, choice] {
      try {
        auto own = state->kernels.get(spec, choice.schedule, false); // also if the plan is gone: its like will come
        if (const auto plan = weak.lock())
          plan->take(variant(spec, problem, choice, std::move(own), *plan->device));
        ++state->specialized;
      } catch (const std::exception& error) {
        ++state->failed;
        state->warn(std::string("a plan keeps its general kernel, for its own failed: ") + error.what());
      }
    };
    state_->background.add({specialize, [weak] {
                              if (const auto plan = weak.lock())
                                plan->settle();
                            }});
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
  const Variant& v = *p.current.load(std::memory_order_acquire);
  Arguments arguments(p.spec, p.problem, tensors, *device_);
  arguments.setSplits(v.splits, v.split_tiles);
  arguments.setPieces(v.schedule);
  arguments.setWorkspace(p.o_partial, p.lse_partial);
  for (const CompiledAttention::Kernel& kernel : v.compiled->kernels) {
    const LaunchConfig config =
        configure(kernel.source.manifest, p.spec, p.problem, arguments.queries(), v.splits, *device_);
    if (config.grid.x == 0 || config.grid.y == 0 || config.grid.z == 0)
      continue; // no query at all
    device_->launch(*kernel.loaded, config, arguments.of(kernel.parameters), stream);
  }
}

} // namespace attune
