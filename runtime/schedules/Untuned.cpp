#include "runtime/schedules/Untuned.h"

#include "attune/compiler/DefaultSchedule.h"
#include "compiler/spec/Refuse.h"
#include "runtime/model/Chunks.h"
#include "runtime/model/CostModel.h"
#include "runtime/model/Resources.h"
#include "runtime/schedules/RememberedSchedules.h"

#include <algorithm>

namespace attune::schedules {

namespace {

using Choice = ScheduleProvider::Choice;

/// A schedule with as many chunks as it would get for `wanted`; 0: as many as the cost model wants.
Choice withSplits(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int wanted,
                  const DeviceProperties& device) {
  if (wanted > 0 || spec.batch_invariant)
    return {schedule, model::cut(spec, problem, schedule, wanted).splits};
  return model::bestSplits(spec, problem, schedule, model::machineOf(device));
}

bool fits(const AttentionSpec& spec, const Schedule& schedule, const Target& where) {
  return model::blocksPerMultiprocessor(model::resourcesOf(spec, schedule, where), where) > 0;
}

/// The cost model alone.
class CostModel final : public RememberedSchedules {
  Choice decide(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device,
                int splits) const override {
    return untuned(spec, problem, device, splits);
  }
};

} // namespace

Choice untuned(const AttentionSpec& spec, const Problem& problem, const DeviceProperties& device, int splits) {
  const Target& where = target(device.arch);
  if (spec.batch_invariant) // one way to compute a row, whatever the batch: that of decode, with as many chunks as it
                            // takes
    return withSplits(spec, problem, defaultSchedule(spec, where, 1, true), 0, device);
  const Choice whole{defaultSchedule(spec, where, problem.q_len, false), 1};
  if (splits == 1)
    return whole;
  const Choice chunks = withSplits(spec, problem, defaultSchedule(spec, where, problem.q_len, true), splits, device);
  if (chunks.splits == 1)
    return whole;
  if (splits > 1)
    return chunks;
  const model::Machine machine = model::machineOf(device);
  return model::predict(spec, problem, chunks, machine).us < model::predict(spec, problem, whole, machine).us ? chunks
                                                                                                              : whole;
}

ScheduleProvider::Choice pinned(const AttentionSpec& spec, const Problem& problem, const Schedule& schedule, int splits,
                                const DeviceProperties& device) {
  validate(schedule);
  if (!schedule.split_kv && splits > 1)
    invalid("splits " + std::to_string(splits), "the schedule does not split",
            "use a schedule with split_kv=1, or none");
  if (!schedule.split_kv)
    return {schedule, 1};
  const Target& where = target(device.arch);
  return withSplits(spec, problem, schedule, fits(spec, schedule, where) ? splits : std::max(splits, 1),
                    device); // compile() says why not
}

std::optional<Choice> fastest(const AttentionSpec& spec, const Problem& problem, std::span<const Schedule> schedules,
                              int splits, const DeviceProperties& device) {
  const model::Machine machine = model::machineOf(device);
  std::optional<Choice> best;
  double least = 0;
  const Target& where = target(device.arch);
  for (const Schedule& schedule : schedules) {
    if (splits > 0 && schedule.split_kv != (splits > 1))
      continue;
    Schedule fitting =
        schedule; // the compiler cuts rings that do not fit: it was compiled, so with fewer stages it does
    while (fitting.stages > 1 && !fits(spec, fitting, where))
      --fitting.stages;
    if (!fits(spec, fitting, where))
      continue;
    const Choice choice = pinned(spec, problem, fitting, splits, device);
    const double us = model::predict(spec, problem, choice, machine).us;
    if (!best || us < least)
      best = Choice{schedule, choice.splits}, least = us;
  }
  return best;
}

} // namespace attune::schedules

namespace attune {

std::shared_ptr<const ScheduleProvider> costModel() { return std::make_shared<schedules::CostModel>(); }

} // namespace attune
