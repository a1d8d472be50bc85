#include "attune/attune.hpp"

#include "compiler/spec/Refuse.h"
#include "runtime/engine/Background.h"
#include "runtime/engine/Grid.h"
#include "runtime/engine/Imports.h"
#include "runtime/engine/PlanImpl.h"
#include "runtime/engine/RequestChecks.h"
#include "runtime/schedules/TunedSchedules.h"
#include "runtime/schedules/Untuned.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <set>

namespace attune {

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

struct Engine::State {
  State(std::shared_ptr<Device> device, const std::shared_ptr<const ScheduleProvider>& provider, CacheOptions options)
      : warn(options.warn), tuned(std::dynamic_pointer_cast<const schedules::TunedSchedules>(provider)),
        kernels(std::move(device), std::move(options)) {}

  /// Makes a plan's own kernels in the background.
  void specialize(const std::shared_ptr<Plan::Impl>& plan, const ScheduleProvider::Choice& choice) {
    ++general;
    plan->pending = true;
    const std::weak_ptr<Plan::Impl> weak = plan;
    const auto work = [this, weak, spec = plan->spec, choice] {
      try {
        auto own = kernels.get(spec, choice.schedule, false); // also if the plan is gone: its like will come
        if (const auto here = weak.lock())
          here->take(makeVariant(spec, here->problem, choice, std::move(own), *here->device));
        ++specialized;
      } catch (const std::exception& error) {
        ++failed;
        warn(std::string("a plan keeps its general kernel, for its own failed: ") + error.what());
      }
    };
    background.add({work, [weak] {
                      if (const auto here = weak.lock())
                        here->settle();
                    }});
  }

  std::function<void(std::string_view)> warn;
  std::shared_ptr<const schedules::TunedSchedules> tuned; ///< the provider, if it is the one that reads records
  KernelCache kernels;
  std::atomic<std::uint64_t> general = 0, specialized = 0, failed = 0;
  Background background; ///< last: its thread uses the others
};

Engine::Engine(std::shared_ptr<Device> device, CacheOptions cache) : device_(std::move(device)) {
  cache = sayingOnce(std::move(cache));
  provider_ = tunedSchedules(cache);
  state_ = std::make_unique<State>(device_, provider_, std::move(cache));
}
Engine::Engine(std::shared_ptr<Device> device, std::shared_ptr<const ScheduleProvider> provider, CacheOptions cache)
    : device_(std::move(device)), provider_(std::move(provider)),
      state_(std::make_unique<State>(device_, provider_, sayingOnce(std::move(cache)))) {
  if (!provider_)
    invalid("a ScheduleProvider that is null", "an engine asks one for schedules", "give costModel(), or leave it out");
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
  const std::size_t taken = cache::importBundle(stores, blob, "in memory", importRules()).entries;
  if (state_->tuned)
    state_->tuned->looksAgain();
  return taken;
}

Plan Engine::prepare(const AttentionSpec& spec, const Problem& problem, const PrepareOptions& options) {
  validate(spec);
  check(spec, problem, options);
  const DeviceProperties& device = device_->properties();
  KernelCache& kernels = state_->kernels;
  const ScheduleProvider::Choice choice =
      options.schedule ? schedules::pinned(spec, problem, *options.schedule, options.splits, device)
                       : provider_->choose(spec, problem, device, options.splits);
  std::optional<ScheduleProvider::Choice> general;
  std::shared_ptr<const CompiledAttention> compiled;
  if (options.mode == PrepareMode::Background) {
    compiled = kernels.find(spec, choice.schedule);
    if (!compiled)
      general = schedules::fastest(spec, problem, kernels.schedules(spec), options.splits, device);
  }
  if (!compiled) // what is general is loaded: get() neither misses nor compiles
    compiled = kernels.get(spec, general ? general->schedule : choice.schedule, options.mode == PrepareMode::CacheOnly);

  auto impl = std::make_shared<Plan::Impl>();
  impl->device = device_;
  impl->spec = spec;
  impl->problem = problem;
  if (general) {
    impl->general = makeVariant(spec, problem, *general, std::move(compiled), *device_);
    impl->current = impl->general.get();
  } else {
    impl->take(makeVariant(spec, problem, choice, std::move(compiled), *device_));
  }
  // For both, so that the switch needs no memory.
  impl->allocateWorkspace(
      std::max(partialsOf(spec, problem, choice), general ? partialsOf(spec, problem, *general) : 0));
  if (general)
    state_->specialize(impl, choice);
  Plan plan;
  plan.impl_ = std::move(impl);
  return plan;
}

void Engine::launch(const Plan& plan, const Tensors& tensors, void* stream) {
  const Plan::Impl& p = plan.impl();
  if (p.device != device_)
    invalid("a plan for " + p.device->properties().name, "it is launched by an engine of its own device",
            "prepare it with this engine");
  const Variant& v = *p.current.load(std::memory_order_acquire);
  Arguments arguments(p.spec, p.problem, tensors, *device_);
  arguments.setSplits(v.splits, v.split_tiles);
  if (v.schedule.persistent)
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
