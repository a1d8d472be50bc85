#include "compiler/spec/Refuse.h"
#include "runtime/engine/Grid.h"
#include "runtime/engine/PlanImpl.h"
#include "runtime/model/Chunks.h"

#include "attune/compiler/Error.h"

#include <algorithm>

namespace attune {

namespace {

/// a * b * ..., refused where it leaves the 64-bit integers.
std::size_t product(std::initializer_list<std::int64_t> factors, std::string_view what) {
  std::int64_t result = 1;
  for (const std::int64_t factor : factors)
    if (__builtin_mul_overflow(result, factor, &result))
      unsupported(std::string(what) + " of these shapes", "it has more bytes than 64 bits count",
                  "launch parts of the batch, or fewer splits");
  return static_cast<std::size_t>(result);
}

} // namespace

std::unique_ptr<const Variant> makeVariant(const AttentionSpec& spec, const Problem& problem,
                                           const ScheduleProvider::Choice& choice,
                                           std::shared_ptr<const CompiledAttention> compiled, const Device& device) {
  auto v = std::make_unique<Variant>();
  v->schedule = choice.schedule;
  v->splits = choice.splits;
  v->compiled = std::move(compiled);
  v->schedule.stages = v->compiled->kernels.at(0).source.manifest.stages;
  if (choice.schedule.split_kv) {
    const model::Chunks chunks = model::cut(spec, problem, choice.schedule, choice.splits);
    v->splits = chunks.splits;
    v->split_tiles = chunks.split_tiles;
  }
  for (const CompiledAttention::Kernel& k : v->compiled->kernels)
    configure(k.source.manifest, spec, problem, problem.q_len, v->splits, device);
  return v;
}

std::int64_t partialsOf(const AttentionSpec& spec, const Problem& problem, const ScheduleProvider::Choice& choice) {
  return choice.schedule.split_kv ? model::cut(spec, problem, choice.schedule, choice.splits).splits : 0;
}

void Plan::Impl::allocateWorkspace(std::int64_t partials) {
  if (partials == 0)
    return;
  const std::int64_t rows = spec.varlen ? problem.q_total : problem.batch * problem.q_len;
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  const auto bytes = [&](std::int64_t columns) {
    return product({rows, spec.q_heads, partials, columns, 4}, "the workspace");
  };
  o_partial = device->allocate(bytes(head_dim_v), "o_partial");
  lse_partial = device->allocate(bytes(1), "lse_partial");
}

const Plan::Impl& Plan::impl() const {
  if (!impl_)
    invalid("an empty plan", "Engine::prepare makes those that can be used", "prepare it first");
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

} // namespace attune
