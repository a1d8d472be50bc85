#include "autotune/bench/NullDevice.h"
#include "autotune/bench/Suites.h"

#include "autotune/search/Rank.h"
#include "runtime/engine/KernelCache.h"
#include "runtime/schedules/TunedSchedules.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace attune::bench {

namespace {

struct Request {
  const char* name;
  Problem problem;
};
constexpr const char* model = "qwen2.5-7b";
constexpr Request requests[] = {{"prefill", {.batch = 1, .q_len = 4096, .kv_len = 4096}},
                                {"split decode", {.batch = 1, .q_len = 1, .kv_len = 8192}}};

/// The tensors of a request; on the null device they take no memory.
class Operands {
public:
  Operands(const std::shared_ptr<Device>& device, const AttentionSpec& spec, const Problem& p)
      : q_(device, Element::BF16, {p.batch, p.q_len, spec.q_heads, spec.head_dim}, "q"),
        k_(device, Element::BF16, {p.batch, p.kv_len, spec.kv_heads, spec.head_dim}, "k"),
        v_(device, Element::BF16, {p.batch, p.kv_len, spec.kv_heads, spec.head_dim}, "v"),
        o_(device, Element::BF16, {p.batch, p.q_len, spec.q_heads, spec.head_dim}, "o"),
        lse_(device, Element::F32, {p.batch, spec.q_heads, p.q_len}, "lse") {}
  Tensors tensors() const { return {.q = q_, .k = k_, .v = v_, .o = o_, .lse = lse_}; }

private:
  Buffer q_, k_, v_, o_, lse_;
};

/// What a search leaves: findings, with the model's times in the place of measured ones.
schedules::Record recordFor(const AttentionSpec& spec, const Problem& problem, const model::Machine& machine) {
  constexpr std::size_t findings = 40;
  schedules::Record record{
      .spec = spec, .shape = problem, .device_class = model::deviceClass(machine.device), .reason = "a benchmark"};
  record.effort = schedules::Effort::Measure, record.policy = toText(schedules::Policy{});
  const schedules::Space space = schedules::enumerate({spec, target(machine.device.arch), problem});
  for (const autotune::Predicted& p : autotune::rank(spec, problem, space.feasible, machine))
    if (record.trials.size() < findings)
      record.trials.push_back({p.candidate, p.us, {.us = p.us, .samples = 5}, ""});
  record.chosen = record.default_choice = record.trials.at(0).candidate;
  record.us = record.default_us = record.trials[0].timing.us;
  return record;
}

} // namespace

void hostSuite(const std::shared_ptr<Device>& gpu, const Settings& settings, const AddFigure& add) {
  const ScratchCache folder;
  const CacheOptions cache{.folder = folder.folder()};
  const std::shared_ptr<Device> null = std::make_shared<NullDevice>("sm_90a");
  const AttentionSpec& spec = preset(model);
  const auto measure = [&](const std::string& name, const char* unit, double per_ms, auto&& work) {
    if (!settings.wants(name))
      return;
    settings.progress(name);
    add({"host", name, unit, scaled(onHost(settings.samples, work), per_ms)});
  };
  for (const auto& [phase, problem] : requests) {
    const std::string look_up = fmt::format("look-up in memory, {}", phase),
                      prepare_again = fmt::format("prepare shapes seen before, {}", phase),
                      prepare_new = fmt::format("prepare new shapes, {}", phase),
                      choose_new = fmt::format("choose for new shapes from a record, {}", phase),
                      from_disk = fmt::format("kernel from disk, {}", phase),
                      start = fmt::format("launch without the driver, {}", phase);
    const std::string* names[] = {&look_up, &prepare_again, &prepare_new, &choose_new, &from_disk, &start};
    if (settings.stop() || std::ranges::none_of(names, [&](const std::string* name) { return settings.wants(*name); }))
      continue; // its kernels take a second to compile
    const Schedule schedule = costModel()->choose(spec, problem, null->properties(), 0).schedule;
    KernelCache kernels(null, cache);
    kernels.get(spec, schedule, false);
    Engine engine(null, costModel(), cache);
    const Plan plan = engine.prepare(spec, problem);
    const Operands operands(null, spec, problem);
    const Tensors tensors = operands.tensors();
    measure(look_up, "us", 1000, [&] { kernels.find(spec, schedule); });
    measure(prepare_again, "us", 1000, [&] { engine.prepare(spec, problem); });
    if (settings.wants(prepare_new)) {
      constexpr int shapes = 500; // few enough that one schedule serves all: what is timed is to choose, not to compile
      std::optional<Engine> fresh;
      settings.progress(prepare_new);
      const Measurement all = onHost(
          settings.samples,
          [&, p = problem] {
            Problem other = p;
            for (int n = 1; n <= shapes; ++n) {
              other.kv_len = p.kv_len - n;
              fresh->prepare(spec, other);
            }
          },
          [&, p = problem] {
            fresh.emplace(null, costModel(), cache);
            fresh->prepare(spec, p);
          });
      add({"host", prepare_new, "us", scaled(all, 1000.0 / shapes)});
    }
    if (settings.wants(choose_new)) { // kernels of its choices would be many to compile
      constexpr int shapes = 500;
      cache::StoreOptions records = schedules::tuningStore(folder.folder());
      records.system.clear();
      schedules::RecordStore(records).publish(recordFor(spec, problem, model::machineOf(null->properties())));
      std::optional<schedules::TunedSchedules> fresh;
      settings.progress(choose_new);
      const Measurement all = onHost(
          settings.samples,
          [&, p = problem] {
            Problem other = p;
            for (int n = 1; n <= shapes; ++n) {
              other.kv_len = p.kv_len - n;
              fresh->choose(spec, other, null->properties(), 0);
            }
          },
          [&, p = problem] {
            fresh.emplace(records);
            fresh->choose(spec, p, null->properties(), 0);
          });
      add({"host", choose_new, "us", scaled(all, 1000.0 / shapes)});
    }
    measure(from_disk, "ms", 1, [&] { KernelCache(null, cache).get(spec, schedule, true); });
    measure(start, "us", 1000, [&] { engine.launch(plan, tensors); });
  }
  if (gpu->properties().emulated)
    return;
  for (const auto& [phase, problem] : requests) {
    Engine engine(gpu, costModel(), cache);
    const Plan plan = engine.prepare(spec, problem);
    const Operands operands(gpu, spec, problem);
    const Tensors tensors = operands.tensors();
    constexpr int queued = 100; // well below the depth at which the driver waits
    const std::string name = fmt::format("launch, {}", phase);
    if (!settings.wants(name))
      continue;
    add({"host", name, "us",
         scaled(onHost(
                    settings.samples,
                    [&] {
                      for (int n = 0; n < queued; ++n)
                        engine.launch(plan, tensors);
                    },
                    [&] { gpu->synchronize(); }),
                1000.0 / queued)});
    gpu->synchronize();
  }
}

} // namespace attune::bench
