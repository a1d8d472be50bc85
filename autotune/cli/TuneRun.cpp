#include "autotune/cli/TuneRun.h"

#include "autotune/cli/Cli.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/Progress.h"
#include "autotune/cli/Stores.h"
#include "autotune/measure/DeviceTimer.h"
#include "autotune/search/Parallel.h"

#include "attune/compiler/Compile.h"
#include "runtime/engine/KernelStore.h"

#include <algorithm>
#include <csignal>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

namespace attune::cli {

using namespace autotune;

namespace {

std::atomic<bool> interrupt_requested = false;

extern "C" void requestStop(int) {
  if (interrupt_requested.exchange(true))
    _exit(static_cast<int>(Exit::Interrupted));
}

/// Compiles the kernels of a schedule through the cache. Their logs, and how many of them were compiled just now.
struct Compiled {
  std::vector<BuildLog> logs;
  int compiled = 0, found = 0;
};
Compiled compileThrough(cache::EntryStore& store, const AttentionSpec& spec, const Schedule& schedule,
                        const std::string& arch, Image::Kind kind) {
  Compiled all;
  for (const KernelSource& kernel : compile(spec, schedule, target(arch)).kernels) {
    const StoredBuild built = buildThrough(store, kernel.cuda, kernel.manifest.name, arch, kind);
    all.logs.push_back(built.build.log);
    ++(built.compiled ? all.compiled : all.found);
  }
  return all;
}

} // namespace

Interrupt::Interrupt() {
  interrupt_requested = false;
  std::signal(SIGINT, requestStop);
}
Interrupt::~Interrupt() { std::signal(SIGINT, SIG_DFL); }
bool Interrupt::requested() { return interrupt_requested; }

TuneRun::TuneRun(const TuneOptions& options)
    : options_(options), jobs_(options.jobs ? options.jobs : std::max(1u, std::thread::hardware_concurrency())),
      device_(openDevice(options.device)), records_(tuningOptions()), kernels_(kernelOptions()) {
  Toolchain::shared();
}

Machine TuneRun::machineOf(const TuneItem& item) const {
  const DeviceProperties& here = device_->properties();
  if (item.arch.empty() || (!here.emulated && here.arch == item.arch))
    return model::machineOf(here);
  return machineFor(item.arch);
}

bool TuneRun::here(const Machine& machine) const {
  return !device_->properties().emulated && deviceClass(machine.device) == deviceClass(device_->properties());
}

bool TuneRun::stopped() {
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
  if (options_.time_limit > 0 && spent.count() > options_.time_limit)
    out_of_time_ = true;
  return out_of_time_ || Interrupt::requested();
}

std::vector<TuneOutcome> TuneRun::run(const std::vector<TuneItem>& items) {
  const Interrupt interrupt;
  const bool measures = options_.effort() != Effort::Estimate &&
                        std::ranges::any_of(items, [&](const TuneItem& i) { return here(machineOf(i)); });
  if (options_.effort() != Effort::Estimate && !measures)
    not_measured_ =
        fmt::format("{} has no clock to measure by, and stands in for the target: these are estimates of the "
                    "cost model",
                    device_->properties().name);
  // One candidate at a time has the device; without one, items are compiled side by side.
  jobs_per_item_ = measures ? jobs_ : 1;
  Progress progress(items.size());
  std::vector<std::optional<TuneOutcome>> outcomes(items.size());
  parallelFor(items.size(), measures ? 1 : jobs_, [&](std::size_t i) {
    if (stopped())
      return;
    const auto start = std::chrono::steady_clock::now();
    TuneOutcome outcome = make(items[i]);
    outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const std::string what = !outcome.error.empty()     ? style(stderr, outcome.error, Style::Bad)
                             : outcome.known            ? "known"
                             : outcome.record->complete ? toText(outcome.record->chosen) + ": " + outcome.record->reason
                                                        : "stopped";
    progress.done(fmt::format("{}  {} ({:.1f} s)", outcome.item.label, what, outcome.seconds), !outcome.known);
    outcomes[i] = std::move(outcome);
  });
  std::vector<TuneOutcome> done;
  for (auto& outcome : outcomes)
    if (outcome)
      done.push_back(std::move(*outcome));
  return done;
}

TuneOutcome TuneRun::make(const TuneItem& item) {
  TuneOutcome outcome{.item = item};
  try {
    const Machine& machine = outcome.machine = machineOf(item);
    const std::string& arch = machine.device.arch;
    const Policy policy;
    autotune::TuneOptions how{.effort = here(machine) ? options_.effort() : Effort::Estimate, .policy = policy};
    std::atomic<int> compiled = 0, found = 0;
    const auto build = [&](const Schedule& schedule, Image::Kind kind) {
      const Compiled all = compileThrough(kernels_, item.spec, schedule, arch, kind);
      compiled += all.compiled, found += all.found;
      return all.logs;
    };
    const Screen screen = [&](const std::vector<Schedule>& schedules) {
      std::vector<std::optional<std::string>> verdicts(schedules.size());
      parallelFor(schedules.size(), jobs_per_item_, [&](std::size_t i) {
        for (const BuildLog& log : build(schedules[i], Image::Kind::Cubin))
          if (!verdicts[i])
            verdicts[i] = objection(log);
      });
      return verdicts;
    };

    const auto stored = records_.find(item.spec, item.shape, deviceClass(machine.device), toText(policy),
                                      /*incomplete_too=*/true);
    const auto before = options_.fresh ? std::nullopt : stored;
    if (before && before->complete && before->effort >= how.effort) {
      outcome.record = before;
      outcome.known = true;
    } else {
      if (before && !before->complete)
        how.known = before->trials;
      how.stop = [this] { return stopped(); };
      const bool keeps = stored && stored->complete && stored->policy == toText(policy); // until a better one is done
      if (how.effort != Effort::Estimate && !keeps)
        how.on_measured = [&](const std::vector<Trial>& trials) {
          Tuning part{.effort = how.effort, .us = 1, .default_us = 1, .trials = trials, .complete = false};
          records_.publish(recordOf(item.spec, item.shape, machine, policy, part));
        };
      std::unique_ptr<Timer> timer;
      if (how.effort != Effort::Estimate)
        timer = std::make_unique<DeviceTimer>(device_, item.spec, item.shape, policy, eventStopwatch(device_));
      outcome.record = recordOf(item.spec, item.shape, machine, policy,
                                tune(item.spec, item.shape, machine, timer.get(), screen, how));
      if (outcome.record->complete)
        outcome.kept = records_.publish(*outcome.record);
    }
    // The kernels that the engine may ask for at the shapes of this bucket.
    std::set<std::string> ready;
    for (const Finding& finding : findings(*outcome.record))
      if (outcome.record->complete && ready.insert(attune::toText(finding.candidate.schedule)).second)
        build(finding.candidate.schedule, machine.device.emulated ? Image::Kind::Ptx : Image::Kind::Cubin);
    outcome.compiled = compiled, outcome.found = found;
  } catch (const UserError& e) {
    outcome.error = e.what();
  } catch (const DeviceError& e) {
    outcome.error = e.what();
  }
  return outcome;
}

} // namespace attune::cli
